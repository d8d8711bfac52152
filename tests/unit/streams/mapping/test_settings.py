"""What `site.yaml` offers is handed on: a setting that nothing reads is a promise to an operator at night that is not kept."""

import contextlib
import os
import shutil
import subprocess
import sys
import typing
from collections.abc import Mapping
from types import SimpleNamespace

import pytest
from pydantic import BaseModel
from structlog.testing import capture_logs

from streams import broker_wiring as brokers
from streams import errors, lane_wiring, platform_wiring, wiring
from streams.deliver.breaker import Phase
from streams.deliver.causes import HoldCause
from streams.deliver.verdict import Accepted, Held, Refused, Throttled
from streams.errors import Misconfigured
from streams.lanes.place.kept_log import KeptLog
from streams.mapping import BadFiles, check_files, load_site
from streams.mapping.site_file import Site, SiteFile
from streams.mapping.strict import Strict
from streams.replay.pace import pace_of
from streams.seal import generate_key_pair
from streams.spec.answers import AnswerClass
from streams.telemetry.outcomes import Outcomes
from streams.topics.audit import AuditEntry
from tests.unit.streams.mapping.test_files import MAPPING, SITE
from tests.unit.yibao.watching.test_messages import TOLD
from yibao.captures import from_site as capture
from yibao.captures.slots_watched import slots_of
from yibao.captures.watching import watched
from yibao.doctor.needs import needs_of
from yibao.lag.shown import limits_of
from yibao.monitored import monitored
from yibao.persons import demand_another
from yibao.supervisor import supervisor_of
from yibao.watching.channels import NotTold, check, tell
from yibao.watching.looking import addresses
from yibao.watching.running import Watching

READ_AT_LOAD = {
    ("SiteFile", "dictionaries"): "becomes Site.value_lists",
    ("DatabaseSource", "mapping"): "becomes Site.mappings",
    ("KafkaSecurity", "insecure"): "lets the site load",
    ("Connect", "insecure"): "lets the site load",
    ("DatabaseSource", "distinct_numbers"): "lets the site load",
    ("DatabaseSource", "insecure"): "lets the site load",
    ("Platform", "insecure"): "lets the site load",
    ("WorkerHttp", "insecure"): "lets the site load",
    ("Channel", "insecure"): "lets the site load",
}
SECRET = "canary-of-a-secret"

MAIL = "m: {kind: mail, host: 127.0.0.1, port: 1, user: u, password_file: secret, sender: a@b, recipients: [c@d]}"
ROBOTS = (
    "j: {kind: journald, socket: none}, r: {kind: feishu, url_file: url, secret_file: secret}, "
    "h: {kind: webhook, url_file: url, token_file: secret, proxy: 'http://127.0.0.1:1'}"
)

FULL = (
    ("kafka: {", "kafka: {security: {protocol: SASL_SSL, sasl_mechanism: PLAIN, sasl_username: u, sasl_password_file: secret}, "),
    ("sasl_username: u", "sasl_username: u, ssl_certfile: ca.pem, ssl_keyfile: k.pem, ssl_password_file: secret"),
    ("http://127.0.0.1:8083", "https://connect.his, user: u, password_file: secret, bootstrap_servers: 'kafka.connect:9'"),
    ("http://127.0.0.1:8800", "https://platform.example, ca_file: ca.pem, headers: {Authorization: secret}"),
    ("institutions:", f"notify: {{channels: {{{MAIL}, {ROBOTS}}}}}\ninstitutions:"),
    ("headers: {", "maintenance: {windows: [{begins: '22:00', ends: '04:00'}]}, headers: {"),
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate, and its key encrypted with the secret."""
    folder = tmp_path_factory.mktemp("ca")
    made = (
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-passout",
        f"pass:{SECRET}",
        "-days",
        "2",
        "-subj",
        "/CN=x",
    )
    subprocess.run([*made, "-keyout", folder / "k.pem", "-out", folder / "ca.pem"], check=True, capture_output=True)
    return folder


@pytest.fixture
def site_of(tmp_path, certificate):
    """A site with changes (old text → new text), all its files in place."""

    def make(*changes, load=load_site):
        text = SITE
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        (tmp_path / "site.yaml").write_text(text, encoding="utf-8")
        (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
        (tmp_path / "secret").write_text(f"{SECRET}\n", encoding="utf-8")
        (tmp_path / "url").write_text("http://127.0.0.1:1/hook", encoding="utf-8")
        for name in ("ca.pem", "k.pem"):
            shutil.copy(certificate / name, tmp_path / name)
        for folder in ("keys", "secrets"):
            (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / "secrets" / "his.password").write_text(f"{SECRET}\n", encoding="utf-8")
        for name in ("h1.pem", "p2.pem"):
            (tmp_path / "keys" / name).write_text(generate_key_pair().public.pem, encoding="ascii")
        return load(tmp_path / "site.yaml")

    return make


def models(model=SiteFile):
    """The models of `site.yaml`, each once."""
    found = {model: None}
    for info in model.model_fields.values():
        for inner in _inside(info.annotation):
            found |= models(inner)
    return found


def _inside(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _inside(argument)


def use(site: Site) -> None:
    """Make of a site everything that the command line makes of it."""
    brokers.client_options(site)
    capture.topic_settings(site)
    capture.chosen_sources(site, None)
    capture.reconciler(site)
    wiring.stage_topics(site)
    wiring.place_stage(site, home=None, index=0)
    wiring.join_stage(site, home=None, index=0)
    with monitored(site, "join", 0, home=None, outcomes=Outcomes("join")):
        pace_of(site)
    supervisor_of(site, {})
    limits_of(site)
    with contextlib.suppress(errors.Refused):
        demand_another(site, AuditEntry(id="1", at="", by="a via b@c", action="replay plan", why="", facts={"uid": os.getuid()}))
    needs_of(site)
    watched(site)
    wiring.restart_settings(site)
    slots_of(site).gives_up(next(iter(site.sources)), KeptLog(bytes=1, room=None))
    watching = Watching(site, site.notify.channels, now=0.0)
    addresses(site.workers.home, site.notify.workers)
    watching.folder.mkdir(parents=True)
    watching.take(1.0, {})
    for name, channel in site.notify.channels.items():
        check(name, channel)
        with pytest.raises(NotTold):
            tell(name, channel, TOLD)
    outcomes = Outcomes("deliver")
    wiring.deliver_stage(site, platform_wiring.gateway_of(site, outcomes), mark="s1te", outcomes=outcomes, home=None, index=0)


def test_every_setting_is_read_by_something(site_of, monkeypatch):
    """Recorded while everything is made that runs a site; what loading alone reads stands above with its reason."""
    site, read = site_of(*FULL), set()
    plain = Strict.__getattribute__

    def recorded(self, name):
        caller = sys._getframe(1).f_code.co_name
        if caller not in type(self).__pydantic_decorators__.model_validators:
            read.add((type(self).__name__, name))
        return plain(self, name)

    monkeypatch.setattr(Strict, "__getattribute__", recorded)
    use(site)
    monkeypatch.undo()
    read = {("SiteFile" if owner == "Site" else owner, name) for owner, name in read}
    offered = {(model.__name__, name) for model in models() for name in model.model_fields}
    assert set() == offered - read - READ_AT_LOAD.keys()
    assert set() == READ_AT_LOAD.keys() - offered


@pytest.mark.parametrize("written", ["", "workers: {}\n", "workers: {home: .yibao}\n"])
def test_a_workers_folder_is_the_sites_own_wherever_it_is_started(site_of, tmp_path, written):
    """Two sites whose workers are started from one directory would share, and lock, one state; from `/` it stood there."""
    site = site_of(("platform:", f"{written}platform:"))
    assert tmp_path / ".yibao" / "join-0" == wiring.join_stage(site, home=None, index=0).app.home


def test_the_deliver_stage_gets_what_the_site_says_of_the_platform(site_of):
    """A platform that forgets msgids, counts 36 characters or repeats refusals doubles records unless the lane knows it."""
    site = site_of(("http://127.0.0.1:8800", "http://127.0.0.1:8800, msgid_memory_s: 3600, msgid_chars: 36, repeats_refused: true"))
    settings = platform_wiring.deliver_settings(site)
    assert (3600, 36, True) == (settings.msgid_memory_s, settings.msgid_chars, settings.repeats_refused)
    assert not settings.first_repeated
    told = site_of(("http://127.0.0.1:8800", "http://127.0.0.1:8800, first_repeated_accepted: true"))
    assert platform_wiring.deliver_settings(told).first_repeated


def test_an_address_with_the_path_of_the_services_is_the_same_address(site_of):
    """What the platform's own paper says is copied into site.yaml."""
    whole = site_of(("http://127.0.0.1:8800", "http://127.0.0.1:8800/fsp/metadata/receive/"))
    assert "http://127.0.0.1:8800/fsp" == platform_wiring.gateway_settings(whole).url
    with pytest.raises(BadFiles, match=r"platform\.url: goes on after /metadata/receive"):
        site_of(("http://127.0.0.1:8800", "http://127.0.0.1:8800/metadata/receive/v2"))


def test_a_flood_guards_hold_can_be_lifted_in_the_sites_file(site_of):
    """The lane stands for ever otherwise, when the records really are bad."""
    lifted = site_of(("platform:", "deliver: {flood_guard: {ratio: 1, in_a_row: 0}}\nplatform:"))
    guard = platform_wiring.deliver_settings(lifted).flood_guard
    assert (1.0, 0) == (guard.ratio, guard.in_a_row)


def test_the_gateway_gets_authority_proxy_headers_and_waits(site_of):
    """A hospital's way to the platform goes through proxies and gateways that want to be told who comes."""
    changes = ("headers: {Authorization: secret}", "headers: {Authorization: secret}, proxy: 'http://proxy.his:3128'")
    site = site_of(*FULL, changes, ("platform:", "deliver: {breaker: {probe_s: 2, longest_wait_s: 9}}\nplatform:"))
    settings = platform_wiring.gateway_settings(site)
    assert ("http://proxy.his:3128", {"Authorization": SECRET}) == (settings.proxy, settings.headers)
    assert site.platform.ca_file == settings.ca_file
    assert (2.0, 9.0) == (settings.breaker.first_wait_s, settings.breaker.longest_wait_s)


def test_a_capture_is_told_the_brokers_as_connect_reaches_them(site_of):
    """In a cluster the Connect workers know the brokers by other names than an operator's machine does."""
    site = site_of(
        *FULL, ("bootstrap_servers: 'kafka.connect:9'", "bootstrap_servers: 'kafka.connect:9', consumer: {security.protocol: SSL}")
    )
    settings = capture.connect_settings(site)
    assert ("kafka.connect:9", {"security.protocol": "SSL"}) == (settings.bootstrap_servers, settings.signal_consumer)
    assert "127.0.0.1:9092" == capture.connect_settings(site_of()).bootstrap_servers


def test_no_secret_is_in_what_prints(site_of):
    """Settings end up in tracebacks, debuggers and questions to colleagues."""
    site = site_of(*FULL)
    outcomes = Outcomes("deliver")
    gateway = platform_wiring.gateway_of(site, outcomes)
    made = (
        site,
        lane_wiring.broker_settings(site),
        platform_wiring.gateway_settings(site),
        brokers.broker_access(site),
        capture.connect_client(site)._access,
        wiring.join_stage(site, home=None, index=0).app,
        wiring.deliver_stage(site, gateway, mark="s1te", outcomes=outcomes, home=None, index=0).app,
    )
    assert [] == [type(one).__name__ for one in made if SECRET in f"{one!r}"]
    assert SECRET in f"{platform_wiring.gateway_settings(site).headers}"


def test_answers_of_the_platform_are_counted(site_of):
    """How often and how fast a platform answers is the first question when records are late."""
    outcomes = Outcomes("deliver")
    gateway = platform_wiring.gateway_of(site_of(), outcomes)
    gateway._on_answer(Accepted(code="200", repeated=False), 0.25)
    gateway._on_answer(Refused(code="40003", http_status=200, message=""), 0.5)
    assert {"answered_accepted": 1, "answered_refused": 1, "answer_ms": 750} == outcomes.snapshot()


def test_a_code_that_nobody_knows_is_no_label_of_its_own(site_of):
    """A platform that answers a new code each time would make a time series of each; one that quotes a patient would name it."""
    outcomes = Outcomes("deliver")
    gateway = platform_wiring.gateway_of(site_of(), outcomes)
    for held in (Held(cause=HoldCause.UNKNOWN_CODE, message="", code="张三"), Held(cause=HoldCause.ADDRESS, message="")):
        gateway._on_answer(held, 0.1)
    gateway._on_answer(Throttled(after_s=1.0), 0.1)
    told = {(label, detail) for name, label, detail in outcomes.counted() if name == "answered"}
    assert {("held", "other"), ("held", "none"), ("throttled", "none")} == told


def test_what_a_site_says_of_answers_reaches_the_gateway_or_is_told_by_its_place(site_of):
    """A code that means success only in the file holds every lane; one that means two things decides by chance."""
    wanted = ("http://127.0.0.1:8800", "http://127.0.0.1:8800, answers: {code: infcode, accepted: [0000], refused: [E1]}")
    profile = platform_wiring.gateway_of(site_of(wanted), Outcomes("deliver"))._profile
    assert (AnswerClass.ACCEPTED, AnswerClass.REFUSED, ("infcode",)) == (*map(profile.classify, ("0", "E1")), profile.form.code_at)
    with pytest.raises(BadFiles, match=r"platform\.answers: code 0 is both `accepted` and `refused`"):
        site_of((wanted[0], wanted[1].replace("E1", "0")))


@pytest.mark.parametrize(
    ("old", "insecure", "secure"),
    [
        (
            "http://127.0.0.1:8800",
            "http://10.0.0.1:8800, headers: {Token: secret}",
            "https://10.0.0.1:8800, headers: {Token: secret}",
        ),
        ("http://127.0.0.1:8800", "http://u:p@127.0.0.1:8800", "http://127.0.0.1:8800/u"),
        ("http://127.0.0.1:8800", "https://x.y, proxy: 'http://u:p@z'", "https://x.y, proxy: 'http://z'"),
        ("http://127.0.0.1:8800", "https://x.y, headers: {host: secret}", "https://x.y, headers: {X-Host: secret}"),
        (
            "http://127.0.0.1:8083",
            "http://127.0.0.1:8083, consumer: {sasl.jaas.config: abc}",
            "http://127.0.0.1:8083, consumer: {sasl.jaas.config: '${directory:/secrets:jaas}'}",
        ),
    ],
)
def test_a_secret_stands_in_a_file_and_goes_out_sealed(site_of, old, insecure, secure):
    """site.yaml is kept in version control, and headers are read by everybody on a plain way."""
    with pytest.raises(BadFiles):
        site_of((old, insecure))
    assert isinstance(site_of((old, secure)), Site)


@pytest.mark.parametrize(
    "wrong",
    [
        "deliver: {retry: {min_s: 9, max_s: 1}}",
        "deliver: {breaker: {probe_s: 9, longest_wait_s: 1}}",
        "deliver: {flood_guard: {in_a_row: -1}}",
    ],
)
def test_waits_that_contradict_each_other_are_told_at_load(site_of, wrong):
    """Found at night otherwise, by a lane that waits oddly."""
    with pytest.raises(BadFiles):
        site_of(("platform:", f"{wrong}\nplatform:"))


def test_a_file_that_cannot_be_used_is_told_by_check(site_of, tmp_path):
    """All at once and by its setting, before a worker starts."""
    (tmp_path / "empty").write_text("\n")
    changes = (("ca_file: ca.pem", "ca_file: nowhere.pem"), ("{Authorization: secret}", "{Authorization: empty}"))
    with pytest.raises(BadFiles) as bad:
        site_of(*FULL, *changes, load=check_files)
    assert {"platform.ca_file", "platform.headers.Authorization"} == {problem.place for problem in bad.value.problems}


@pytest.mark.parametrize("value", ["a\nb", "令牌", "\n"])
def test_a_header_that_cannot_be_sent_is_told_at_start(site_of, tmp_path, value):
    """The first request would end the worker, again and again."""
    site = site_of(*FULL)
    (tmp_path / "secret").write_text(value)
    with pytest.raises(Misconfigured, match=r"platform\.headers\.Authorization"):
        platform_wiring.gateway_settings(site)


def test_a_worker_says_which_file_it_cannot_read(site_of, tmp_path):
    """A mounted secret that is missing is the most frequent first error."""
    site = site_of(*FULL)
    (tmp_path / "secret").unlink()
    with pytest.raises(Misconfigured, match=r"secret cannot be read .*; kafka.security.ssl_password_file"):
        lane_wiring.broker_settings(site)
    with pytest.raises(Misconfigured, match=r"connect.password_file"):
        capture.connect_client(site)


async def test_a_worker_begins_without_the_key_of_one_institution_and_not_without_all(site_of, tmp_path):
    """One hospital's broken file must not stop the others, and where none is right the mount is missing."""
    site = site_of(*FULL)
    site = SimpleNamespace(**{**_parts(site), "platform": site.platform.model_copy(update={"headers": {}})})
    (tmp_path / "keys" / "h1.pem").write_text("no key")
    with capture_logs() as logs:
        async with platform_wiring.gateway_of(site, Outcomes("x")) as gateway:
            assert gateway.phase is Phase.CLOSED
    assert [("key_refused", True)] == [(log["event"], "h1.pem" in log["why"]) for log in logs]
    for file in (tmp_path / "keys").iterdir():
        file.write_text("no key")
    with pytest.raises(Misconfigured, match=r"h\d.pem"):
        platform_wiring.gateway_of(site, Outcomes("x"))


def _parts(site) -> Mapping[str, object]:
    return {name: getattr(site, name) for name in Site.model_fields}
