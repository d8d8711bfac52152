"""Connect behind a login page, a proxy or at a wrong address: one error that names it, for every verb, and never a success."""

from base64 import b64encode

import pytest

from connector.connect import Access, Connect, ConnectorStatus, TaskStatus
from connector.contract import CapturedTable, CaptureSource, DatabaseKind, TableRole, Topics
from connector.errors import Refused, Unreachable
from connector.reconcile import Patience, Reconciler
from tests.settings import connect_settings
from tests.unit.connector.odd_answers import ODD, PAGE, SLOW, http, own, serving
from tests.unit.yibao.connector_verbs import SECRET, connector_verbs, one_error
from yibao.captures_shown import Shown, show_states
from yibao.facts import Stand
from yibao.options import Output

CONNECTOR = "capture-his"
PLUGIN = "yibao.connect.WholeTransactionPostgresConnector"
STATUS = {
    "name": CONNECTOR,
    "connector": {"state": "RUNNING", "worker_id": "w"},
    "tasks": [{"id": 0, "state": "RUNNING", "worker_id": "w"}],
}
VERBS = {
    "plan": ("plan",),
    "apply": ("apply", "--no-preflight"),
    "status": ("status",),
    "restart": ("restart", "his"),
    "pause": ("pause", "his"),
    "resume": ("resume", "his"),
    "stop": ("stop", "his"),
    "delete": ("delete", "his", "--yes"),
}
CALLS = {
    "names": lambda connect: connect.names(),
    "plugins": lambda connect: connect.plugins(),
    "config": lambda connect: connect.config(CONNECTOR),
    "put_config": lambda connect: connect.put_config(CONNECTOR, {}),
    "validate": lambda connect: connect.validate(CONNECTOR, {"connector.class": PLUGIN}),
    "status": lambda connect: connect.status(CONNECTOR),
    "restart": lambda connect: connect.restart(CONNECTOR, only_failed=True),
    "pause": lambda connect: connect.pause(CONNECTOR),
    "resume": lambda connect: connect.resume(CONNECTOR),
    "stop": lambda connect: connect.stop(CONNECTOR),
    "delete": lambda connect: connect.delete(CONNECTOR),
}
FITTING = {("names", "an empty list"), ("plugins", "an empty list")}
"""What an odd answer is not odd to."""


@pytest.fixture(scope="module")
def server():
    with serving() as opened:
        yield opened


@pytest.fixture
def yibao(tmp_path, monkeypatch, capsys):
    return connector_verbs(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "odd",
    [
        "a redirect",
        "a login page",
        "a login page that took an order",
        "a page of a lost path",
        "a path that Connect does not have",
        "an empty list",
        "another's object",
        "wrong types inside",
        "nothing",
        "JSON that breaks off",
        "no HTTP",
    ],
)
def test_a_verb_never_takes_another_services_answer_for_success(server, yibao, odd, verb):
    """`restart` said nothing, which reads as done, and `plan` promised to create what is there."""
    server.answer = ODD[odd]
    code, out, err = yibao(*VERBS[verb], url=server.url)
    assert (3, "") == (code, out)
    line = one_error(err)
    assert f"{server.url}/connectors" in line
    assert "connect.url" in line


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("call", CALLS)
def test_no_call_takes_an_odd_answer_for_connects(server, call, odd):
    """Every endpoint has its own form, and a call in the middle of `apply` meets the login page as well as the first does."""
    server.answer, server.requests[:] = ODD[odd], []
    user = f"{call} {odd}"  # what the case before gave up may come in only now
    connect = Connect(Access(url=server.url, timeout_s=0.05 if odd in SLOW else 30, password=SECRET, user=user))
    if (call, odd) in FITTING:
        assert () == CALLS[call](connect)
        return
    with pytest.raises(Unreachable) as caught:
        CALLS[call](connect)
    assert f"{caught.value}".isprintable()
    assert f" {server.url}/connector" in f"{caught.value}"
    assert "connect.url" in f"{caught.value}"
    assert "hunter2" not in f"{caught.value}"
    login = f"Basic {b64encode(f'{user}:{SECRET}'.encode()).decode()}"
    came = [request for request in server.requests if request.headers.get("authorization") == login]
    assert len(came) <= (2 if odd == "a path that Connect does not have" else 1), "nothing is followed or tried again"


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        ("a redirect", "HTTP 302 with a redirect to http://login.example/sso, which is not followed"),
        ("a login page", "HTTP 200 with a page of HTML (Sign in) where JSON belongs"),
        ("an empty list", "HTTP 200 with a list where an object belongs"),
        ("null", "HTTP 200 with nothing where an object belongs"),
        ("nothing", "HTTP 200 with nothing where JSON belongs"),
        ("wrong types inside", "HTTP 200 with a whole number where text belongs, at `name`"),
        ("JSON that breaks off", "what is no JSON or breaks off"),
        ("a body that breaks off", "its answer breaks off"),
        ("a body without end", "more than 8 MiB"),
        ("a trickle", "no whole answer within 0.05 s"),
        ("no HTTP", "what answers speaks no HTTP: SSH-2.0-OpenSSH_9.2 [2J"),
        ("an alert of TLS", "write https://"),
        ("a closed connection", "https:// where TLS is spoken"),
    ],
)
def test_the_error_says_what_came_and_what_belongs_there(server, odd, told):
    """From "expecting value: line 1 column 1" nobody guesses a login page."""
    server.answer = ODD[odd]
    with pytest.raises(Unreachable) as caught:
        Connect(Access(url=server.url, timeout_s=0.05 if odd in SLOW else 30)).status(CONNECTOR)
    assert told in f"{caught.value}"


def test_a_connector_that_is_not_there_is_told_from_a_path_that_is_not(server):
    """Both are 404. Taken for each other, `plan` says "create" at a wrong path prefix, or nothing can be created at a right one."""
    listed = {"/connectors": http(200, ["another"])}
    server.answer = lambda request: listed.get(request.path, own(404, "Connector capture-his not found"))
    connect = Connect(Access(url=server.url))
    assert (None, None) == (connect.config(CONNECTOR), connect.status(CONNECTOR))
    with pytest.raises(Refused, match="Connector capture-his not found"):
        connect.pause(CONNECTOR)


SOURCE = CaptureSource(
    name="his",
    kind=DatabaseKind.POSTGRESQL,
    host="h",
    port=1,
    database="d",
    user="u",
    password_file="f",
    password_reference="${directory:/s:p}",
    sslmode="require",
    publication="p",
    slot="s",
    heartbeat_table=None,
    tables=(CapturedTable(name="his.visit", role=TableRole.VISIT, key=("id",), visit_key=("v",), columns=("id", "v")),),
)
RIGHT = {
    "GET /config": own(404, "Connector capture-his not found"),
    "GET /connectors": http(200, []),
    "GET /connector-plugins": http(200, [{"class": PLUGIN, "version": "3.7.0.Final"}]),
    "PUT /validate": http(200, {"configs": []}),
    "GET /status": http(200, STATUS),
    "PUT /config": http(201, {"name": CONNECTOR, "config": {"name": CONNECTOR}, "tasks": []}),
}


@pytest.mark.parametrize("step", RIGHT)
def test_a_login_that_ends_in_the_middle_of_apply_ends_it_there(server, step):
    """A session runs out between two calls: what follows must not go on as if the page had been a yes."""

    def answer(request):
        asked = f"{request.method} /{request.path.rpartition('/')[2]}"
        return http(200, PAGE) if asked == step else RIGHT[asked]

    server.answer = answer
    reconciler = Reconciler(
        Connect(Access(url=server.url)),
        topics=Topics(),
        settings=connect_settings("k:1"),
        patience=Patience(running_s=60, settled_s=0, poll_s=0.001),
    )
    with pytest.raises(Unreachable, match="Sign in"):
        reconciler.apply(SOURCE)


def test_a_busy_clusters_own_word_is_waited_for_and_a_gateways_is_not(server):
    """A rebalance ends by itself within seconds; a gateway's page with the same number tells of something else."""
    waits = []
    connect = Connect(Access(url=server.url, busy_s=3), pause=waits.append)
    server.answer = lambda _: own(503, "the worker is starting")
    with pytest.raises(Refused, match="try again"):
        connect.names()
    assert waits
    waits.clear()
    server.answer = lambda _: http(503, PAGE)
    with pytest.raises(Unreachable):
        connect.names()
    assert [] == waits


def test_a_cause_with_a_path_in_brackets_is_shown_as_it_stands(capsys):
    """A table reads brackets as markup; "[/secrets/his.password]" ended `status` in a traceback."""
    show_states([failed_with("java.io.IOException: cannot read [/secrets/his.password]")], output=Output.TABLE)
    assert "[/secrets/his.password]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("trace", "remedies"),
    [
        (
            "The connector is trying to read … but this is no longer available on the server. Reconfigure …",
            ["forget his", "resume his"],
        ),
        ('ERROR: replication slot "s" is active for PID 4711', ["another capture", "sources.his.slot", "restart his"]),
        ("FEHLER: etwas anderes", ["connector restart his", "connector forget his"]),
    ],
)
def test_a_capture_that_failed_is_shown_with_the_verb_that_mends_it(capsys, trace, remedies):
    """Debezium's words end with advice about its own options, which nobody sets here; a restart finds no lost place again."""
    show_states([failed_with(f"{'a long word ' * 40}{trace}")], output=Output.TABLE)
    head, row, cause, remedy = capsys.readouterr().out.splitlines()
    assert (True, True) == ("SOURCE" in head, len(row) < 120)
    assert (True, []) == (trace in cause, [one for one in remedies if one not in remedy])


def failed_with(trace):
    """How a source stands whose task ended with these words."""
    task = TaskStatus(number=0, state="FAILED", worker="w", trace=trace)
    state = ConnectorStatus(connector=CONNECTOR, state="RUNNING", worker="w", trace=None, tasks=(task,))
    return Shown(
        source=SOURCE, status=state, heartbeat_age_s=None, silent_after_s=60, stand=Stand(source="his", control=None, found=None)
    )
