"""`yibao lag` and `yibao status` while something is wrong: the number to the record, and the one reason that a person must know."""

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

from sandbox.stack import Stack
from sandbox.stack.ports import Ports, free_port
from sandbox.stack.service import CHECKOUT
from streams.broker_wiring import broker_access, client_options
from streams.mapping import load_site
from streams.seal import generate_key_pair
from streams.topics.broker import Broker
from streams.topics.whole import read_whole
from tests.operations.sample_site import SampleSite, demand, until
from yibao.hospital_database import Login, connected

_SAMPLE = CHECKOUT / "deploy" / "sites" / "sample"
_LATE = "\nlag:\n  max_age_s: 20\n"
HELD = "H36110300002"


def prove(folder: Path, say: Callable[[str], None]) -> str:
    """Raises Failed."""
    with ExitStack() as running, ExitStack() as platform:
        site = _prepared(folder, running, platform)
        say("the stack runs, the capture is applied, no worker runs")
        began = time.monotonic()
        site.run("hospital", "run", "--port", f"{site.ports['postgres']}", "--visits", "30", "--bad-share", "0")
        rows = _no_worker(site)
        say(f"no worker: {rows} rows wait for place, counted to the row")
        with ExitStack() as upstream:
            upstream.enter_context(site.going("worker", "place"))
            upstream.enter_context(site.going("worker", "join"))
            records = _no_deliver(site)
            say(f"no deliver worker: {records} records wait, counted to the record")
            with site.going("worker", "deliver"):
                _drained(site)
                say("drained: exactly 0 in every partition, with marks of transactions in the topics")
                _held(site, say)
                _paused(site)
                say("an institution is paused: who ordered it is named, and what lets it go on")
                _throttled(site)
                say("the platform takes no more, then a limit of ours: each is the reason, before anything is late")
                _parts_waiting(site)
                say("a line waits for its settlement: counted with source, institution, part and age")
                _platform_away(site, platform)
                say("the platform is away: its worker's own word is the reason")
                _stopped_capture(site)
                say("the capture is stopped: it is named, and nothing behind it")
        _gone(site, say)
        return f"{rows} rows and {records} records counted exactly, eleven reasons named; {time.monotonic() - began:.0f} s of them"


def _prepared(folder: Path, running: ExitStack, platform: ExitStack) -> SampleSite:
    home, taken = folder / "site", set[int]()
    shutil.copytree(_SAMPLE, home)
    ports = {name: free_port(taken) for name in ("postgres", "kafka", "connect", "platform")}
    stack = Stack(home / "stack", ports=Ports(**{name: ports[name] for name in ("postgres", "kafka", "connect")}), bound=True)
    running.callback(stack.erase)
    site = SampleSite(folder=home, stack=stack, ports=ports)
    text = site.file.read_text("utf-8")
    for name, port in {"postgres": "25432", "kafka": "29092", "connect": "28083", "platform": "28080"}.items():
        text = text.replace(port, f"{ports[name]}")
    site.file.write_text(text.replace("wait_s: 60", "wait_s: 900") + _LATE, "utf-8")
    platform.enter_context(site.going(*_platform(site)))
    stack.open_to_connect(home / "secrets")
    stack.up()
    site.run("hospital", "create", "--port", f"{ports['postgres']}", "--capture-password-file", "secrets/his.password")
    until("the platform's keys", (home / "keys" / f"{HELD}.pub").exists)
    site.run("topics", "apply")
    site.run("connector", "apply")
    return site


def _platform(site: SampleSite) -> Sequence[str]:
    return "platform", "serve", "--institutions", "site.yaml", "--keys", "keys", "--port", f"{site.ports['platform']}"


def _no_worker(site: SampleSite) -> int:
    """Nobody places: what waits is what stands in the topic, and the first stage is named."""
    until("all rows in the topic", lambda: _stays(lambda: _count(site, "rows.his")))
    there = _count(site, "rows.his")
    _, lag = site.asked("lag")
    demand(_waiting(lag, "place (his)") == there, f"{there} rows stand in the topic, and lag says {lag['stages'][0]}")
    code, status = site.asked("status")
    demand(code == 1 and _first(status) == ("place", "worker_missing"), f"no worker, and status says {_first(status)}, {code}")
    return there


def _no_deliver(site: SampleSite) -> int:
    until("place and join are drained", lambda: not any(_waiting(site.asked("lag")[1], one) for one in ("place (his)", "join")))
    there = _count(site, "visit.ready")
    _, lag = site.asked("lag")
    demand(_waiting(lag, "deliver") == there > 0, f"{there} records stand in the topic, and lag says {lag['stages'][2]}")
    kinds = sum(one["waiting"] for one in lag["kinds"])
    demand(not lag["all_kinds"] or kinds == there, f"{there} records, {kinds} of them of an institution")
    until("nobody delivers", lambda: _first(site.asked("status")[1]) == ("deliver", "worker_missing"))
    return there


def _drained(site: SampleSite) -> None:
    """Nothing waits, although the ends of the topics say that something does."""
    until("all is drained", lambda: not any(one["waiting"] for one in site.asked("lag")[1]["stages"]))
    code, lag = site.asked("lag")
    demand(code == 0 and {one["waiting"] for one in lag["partitions"]} == {0}, f"drained, and lag ends with {code}")
    loaded = load_site(site.file)
    with Broker(broker_access(loaded)) as broker:
        group, topic = loaded.topics.group("deliver"), loaded.topics.ready
        committed = broker.committed(group, topic, range(loaded.kafka.partitions))
        beyond = sum(end - committed[number].offset for number, end in broker.ends(topic).items())
    demand(beyond > 0, "no mark of a transaction stands behind the committed offsets: nothing was tried")
    demand(all(one["owner"] for one in lag["partitions"]), "a partition has no owner, although every stage has its worker")
    until("status is well", lambda: site.asked("status")[0] == 0)


def _held(site: SampleSite, say: Callable[[str], None]) -> None:
    """Another hospital's key: 40006 for one institution, and the others go on."""
    key = site.folder / "keys" / f"{HELD}.pub"
    right = key.read_text("utf-8")
    key.write_text(generate_key_pair().public.pem, "utf-8")
    site.hospital(first=31)
    until("the institution is named", lambda: _first(site.asked("status")[1]) == ("institution", "held"))
    code, status = site.asked("status")
    (held,) = (one for one in status["parts"] if one["name"] == HELD)
    told = f"{held['says']} {held['mend']}"
    demand(code == 1 and "40006" in told and f"{key.name}" in told, f"held for its key, and status says: {told}")
    others = {one["reason"] for one in status["parts"] if one["part"] in ("capture", "place", "join", "deliver")}
    demand(not others & {"held", "worker_missing", "stands"}, f"one institution is held, and status accuses others: {others}")
    say(f"one institution is held: {held['waiting']} of its records wait, {told[:60]}…")
    key.write_text(right, "utf-8")
    until("it is let in", lambda: site.asked("status")[0] == 0 and not any(_all_waiting(site)))


def _paused(site: SampleSite) -> None:
    """A person's order is no fault of anybody, and stays the reason until a person takes it back, or until it ends by itself."""
    site.run("pause", "--institution", HELD, "--until", "1h", "--why", "their short maintenance")
    until("the pause is told", lambda: "their short maintenance" in site.run("status").stdout)
    told = " ".join(site.run("status").stdout.split())
    demand(
        f"paused: institution {HELD}, until" in told and "nothing needs a person" in told, f"a pause of an hour, and status: {told}"
    )
    site.run("pause", "--institution", HELD, "--why", "their maintenance")
    until("the pause is named", lambda: _first(site.asked("status")[1]) == ("institution", "paused"))
    code, status = site.asked("status")
    (line,) = (one for one in status["parts"] if one["name"] == HELD)
    demand(code == 1 and "their maintenance" in line["says"], f"paused, and status says {line['says']}")
    option, why = line["mend"].removeprefix("yibao ").rsplit(" ", 1)[0], "the maintenance is over"
    site.run(*option.split(), why)
    until("it goes on", lambda: site.asked("status")[0] == 0)


def _throttled(site: SampleSite) -> None:
    """429 of the platform, then a limit that a person set: nothing failed, and little moves."""
    faults = ("platform", "faults", "--url", f"http://127.0.0.1:{site.ports['platform']}", "--clear")
    site.run(*faults, "--add", json.dumps([{"kind": "throttled", "retry_after_s": 4}]))
    site.hospital(first=71)
    until("the platform's 429 is named", lambda: "takes no more" in _reason(site, "deliver", "throttled")["says"])
    site.run(*faults)
    until("all is drained", lambda: not any(_all_waiting(site)))
    site.run("limits", "set", "--requests-per-s", "0.1", "--why", "the first load")
    visits = count(91, 20)
    until("the limit is named", lambda: _is_limited(site, first=next(visits)))
    site.run("limits", "clear", "--why", "the first load is over")
    until("all goes on", lambda: site.asked("status")[0] == 0 and not any(_all_waiting(site)))


def _is_limited(site: SampleSite, *, first: int) -> bool:
    """After more came: what goes before the workers know of the limit, and as many requests as it allows at once, are not held."""
    site.hospital(first=first)
    return "the first load" in _reason(site, "deliver", "throttled")["says"]


def _parts_waiting(site: SampleSite) -> None:
    """A fee line that names a settlement which does not come."""
    columns = "jzlsh, jgdm, cfh, xmbm, xmmc, sl, dj, je, fydj, fysj, kdks, kdys, ytmxid, lrsj"
    like = "(SELECT * FROM his.sf_fymx WHERE ytmxid IS NULL ORDER BY mxid LIMIT 1) AS a"
    with connected(Login("127.0.0.1", site.ports["postgres"], "postgres", None), "his") as conn:
        (whose,) = conn.execute(f"SELECT jgdm FROM {like}").fetchone() or ("",)
        conn.execute(f"INSERT INTO his.sf_fymx (mxid, jsdh, {columns}) SELECT 990000001, 'JS-none', {columns} FROM {like}")
    (code,) = (one.code for one in load_site(site.file).institutions if whose in (one.code, *one.his_codes))
    told = {"source": "his", "institution": code, "waits_for": "settlement", "rows": 1, "told": 0}
    until("it is counted", lambda: [told] == _for_settlements(site))
    code_, status = site.asked("status", "--institution", code)
    (line,) = (one for one in status["parts"] if one["name"] == code)
    demand((code_, line["reason"]) == (0, "waits_for_parts"), f"a line waits for its settlement, and status says {line}, {code_}")
    with connected(Login("127.0.0.1", site.ports["postgres"], "postgres", None), "his") as conn:
        conn.execute("DELETE FROM his.sf_fymx WHERE mxid = 990000001")
    until("it waits no more", lambda: not _for_settlements(site))


def _for_settlements(site: SampleSite) -> list[Mapping[str, Any]]:
    """What waits for settlements, without its age. (Visits that are not over have lines that are not settled.)"""
    found = site.asked("status")[1]["parts_waiting"]["of"]
    return [
        {name: value for name, value in of.items() if not name.startswith("oldest")}
        for of in found
        if of["waits_for"] == "settlement"
    ]


def _reason(site: SampleSite, part: str, reason: str) -> Mapping[str, Any]:
    """What status says of a part; without words while it gives another reason."""
    of = next(one for one in site.asked("status")[1]["parts"] if one["part"] == part)
    return of if of["reason"] == reason else {**of, "says": ""}


def _platform_away(site: SampleSite, platform: ExitStack) -> None:
    platform.close()
    site.hospital(first=51)
    until("the platform is away", lambda: _reason(site, "deliver", "platform_away")["says"])
    parts = site.asked("status")[1]["parts"]
    moving = [one["name"] for one in parts if one["part"] == "institution" and one["waiting"] and one["reason"] == "moves"]
    demand(not moving, f"the platform is away, and these are said to move: {moving}")
    until("the platform is named", lambda: _first(site.asked("status")[1]) == ("deliver", "platform_away"))
    platform.enter_context(site.going(*_platform(site)))
    until("all goes on", lambda: site.asked("status")[0] == 0 and not any(_all_waiting(site)))


def _stopped_capture(site: SampleSite) -> None:
    site.run("connector", "stop", "his")
    until("the capture is named", lambda: _first(site.asked("status")[1]) == ("capture", "capture_stopped"))
    site.run("connector", "resume", "his")
    until("the capture runs", lambda: site.asked("status")[0] == 0)


def _gone(site: SampleSite, say: Callable[[str], None]) -> None:
    """Connect away, then the brokers: each is said, with what the others still know."""
    loaded, stack = load_site(site.file), site.stack
    stack.kill("connect")
    code, status = site.asked("status")
    demand((code, _first(status)) == (3, ("site", "connect_away")), f"Connect is away, and status says {_first(status)}, {code}")
    say("Connect is away: it is named")
    stack.kill("kafka")
    code, status = site.asked("status")
    demand((code, _first(status)) == (3, ("site", "brokers_away")), f"no broker runs, and status says {_first(status)}, {code}")
    say(f"no broker of {loaded.kafka.bootstrap_servers} runs: it is named")


def _all_waiting(site: SampleSite) -> list[int]:
    return [one["waiting"] for one in site.asked("lag")[1]["stages"]]


def _waiting(lag: Mapping[str, Any], stage: str) -> int:
    (found,) = (one["waiting"] for one in lag["stages"] if one["stage"] == stage)
    return int(found)


def _first(status: Mapping[str, Any]) -> tuple[str, str] | None:
    first = status["first"]
    return None if first is None else (f"{first['part']}", f"{first['reason']}")


def _count(site: SampleSite, name: str) -> int:
    """The committed messages that stand in a topic, one by one."""
    loaded = load_site(site.file)
    return sum(1 for _ in read_whole(client_options(loaded), f"{loaded.kafka.topic_prefix}{name}"))


def _stays(count: Callable[[], int]) -> bool:
    """Whether it is above 0 and does not grow any more."""
    before = count()
    time.sleep(2.0)
    return 0 < before == count()
