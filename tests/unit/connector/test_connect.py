"""The client of Kafka Connect, against a server that answers as the real one does."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from connector.connect import Access, Connect, Plugin
from connector.errors import Misconfigured, Refused, Unreachable

TRACE = (
    "org.apache.kafka.connect.errors.ConnectException: An exception occurred; password=hunter2\n\tat io.debezium.A.b(A.java:1)\n"
    'Caused by: org.postgresql.util.PSQLException: ERROR: publication "yibao" does not exist\n\tat c'
)


@pytest.fixture
def server():
    """Answers from a script: (method, path) → list of (status, document), the last one for ever."""

    class Scripted(BaseHTTPRequestHandler):
        def answer(self):
            length = int(self.headers.get("Content-Length") or 0)
            httpd.calls.append((self.command, self.path, self.rfile.read(length).decode(), dict(self.headers)))
            answers = httpd.script[self.command, self.path]
            status, document = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"" if document is None else json.dumps(document).encode())

        do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 - names that http.server calls

        def log_message(self, *_):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    httpd.script, httpd.calls = {}, []
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield httpd
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def refusal(status, message):
    """A no as Connect says it."""
    return status, {"error_code": status, "message": message}


@pytest.fixture
def waits():
    return []


@pytest.fixture
def connect(server, waits):
    url = f"http://127.0.0.1:{server.server_address[1]}"
    return Connect(Access(url=url, user="ops", password="p", busy_s=3), pause=waits.append)


def test_a_missing_connector_is_none_and_not_an_error(server, connect):
    """A plan asks for connectors that do not exist yet."""
    server.script["GET", "/connectors/capture-his/config"] = [refusal(404, "not found")]
    server.script["GET", "/connectors"] = [(200, [])]
    assert connect.config("capture-his") is None


@pytest.mark.parametrize(
    "busy",
    [refusal(409, "rebalance"), refusal(500, "Request cannot be completed because a rebalance is expected")],
    ids=["409", "500"],
)
def test_a_rebalancing_cluster_is_waited_for(server, connect, waits, busy):
    """Each change of a connector makes the cluster answer so for a moment; that is nobody's error."""
    server.script["GET", "/connector-plugins"] = [busy, busy, (200, [{"class": "a", "version": "1"}, {"class": "b"}])]
    assert connect.plugins() == (Plugin(class_name="a", version="1"), Plugin(class_name="b", version=None))
    assert len(waits) == 2


def test_a_cluster_that_never_settles_is_an_error(server, connect):
    """A command that waits for ever tells nobody anything."""
    server.script["GET", "/connector-plugins"] = [refusal(409, "rebalance in progress")]
    with pytest.raises(Refused, match="try again"):
        connect.plugins()


def test_a_failed_task_shows_its_first_and_last_cause_without_secrets(server, connect):
    """The first line alone says only that something failed; the whole trace is pages, with connection strings in it."""
    server.script["GET", "/connectors/c/status"] = [
        (
            200,
            {
                "name": "c",
                "connector": {"state": "RUNNING", "worker_id": "w"},
                "tasks": [{"id": 0, "state": "FAILED", "worker_id": "w", "trace": TRACE}],
            },
        )
    ]
    status = connect.status("c")
    assert not status.running
    assert 'publication "yibao" does not exist' in status.failure
    assert "hunter2" not in status.failure
    assert "\n" not in status.failure


def test_a_connector_without_tasks_does_not_run(server, connect):
    """Just after a change Connect says RUNNING and has not started anything."""
    server.script["GET", "/connectors/c/status"] = [
        (200, {"name": "c", "connector": {"state": "RUNNING", "worker_id": "w"}, "tasks": []})
    ]
    assert not connect.status("c").running


def test_what_connect_holds_against_a_configuration_is_told_option_by_option(server, connect):
    """Only the options with an error, and the configuration is sent with its name, or Connect complains about that."""
    server.script["PUT", "/connector-plugins/PostgresConnector/config/validate"] = [
        (
            200,
            {
                "configs": [
                    {"value": {"name": "database.user", "errors": ["wrong; password=hunter2"]}},
                    {"value": {"name": "topic.prefix", "errors": []}},
                    {"value": None},
                ]
            },
        )
    ]
    (error,) = connect.validate("c", {"connector.class": "io.debezium.connector.postgresql.PostgresConnector"})
    assert (error.key, error.messages) == ("database.user", ("wrong; password=***",))
    assert json.loads(server.calls[0][2])["name"] == "c"


def test_names_in_chinese_and_spaces_reach_the_right_connector(server, connect):
    """A site's prefix is part of the path."""
    server.script["PUT", "/connectors/%E7%9C%81%20a/pause"] = [(202, None)]
    connect.pause("省 a")
    assert server.calls[0][1] == "/connectors/%E7%9C%81%20a/pause"


def test_a_refused_login_is_a_matter_of_configuration(server, connect):
    """Exit code 2, not 1: nothing is wrong with the connector."""
    server.script["GET", "/connector-plugins"] = [(401, {"message": "no"})]
    with pytest.raises(Misconfigured, match=r"connect\.user") as caught:
        connect.plugins()
    assert caught.value.exit_code == 2


def test_a_page_instead_of_json_is_no_word_of_connects(server, connect):
    """A proxy in front answers in HTML: exit code 3, for Connect was not reached."""
    server.script["GET", "/connector-plugins"] = [(502, "<html>bad gateway</html>")]
    with pytest.raises(Unreachable, match="502"):
        connect.plugins()


def test_a_connect_that_is_down_is_unreachable_and_named():
    """Exit code 3, with the address, so that the person on call knows what to start."""
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1/connector-plugins.*check connect\.url") as caught:
        Connect(Access(url="http://127.0.0.1:1")).plugins()
    assert caught.value.exit_code == 3


def test_the_login_is_sent_and_never_told(server, connect):
    """Basic authentication in a header; the error names neither user nor password."""
    server.script["GET", "/connector-plugins"] = [refusal(500, "boom")]
    with pytest.raises(Refused) as caught:
        connect.plugins()
    assert server.calls[0][3]["Authorization"].startswith("Basic ")
    assert "ops" not in str(caught.value)
