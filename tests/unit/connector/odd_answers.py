"""A real HTTP server on loopback that answers what a test says, byte for byte, and the answers that no service of ours gives."""

import itertools
import json
import select
import subprocess
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What came in. headers: names in lower case. gone: waits so long for whoever asked to go away, and says whether they did."""

    method: str
    path: str
    headers: dict
    body: bytes = field(repr=False)
    gone: Callable[[float], bool] = field(repr=False)


class Server(ThreadingHTTPServer):
    """Hands each request to `answer`, notes it in `requests`, and sends the bytes that come back; then it closes."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.requests = answer, []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_):
        """Whoever asked may go away in the middle of an answer."""


class _Handler(BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(method=self.command, path=self.path, headers=headers, body=body, gone=self.gone)
        self.server.requests.append(request)
        self.close_connection = True
        answer = self.server.answer(request)
        for part in (answer,) if isinstance(answer, bytes) else answer:
            self.wfile.write(part)

    def gone(self, within_s):
        return bool(select.select([self.connection], [], [], within_s)[0])

    do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 - names that http.server calls

    def do_CONNECT(self):
        self.server.tunnel(self)

    def log_message(self, *_):
        pass


@contextmanager
def serving(answer=lambda _: b"", *, tls=None):
    """A server; tls: what its port speaks TLS with."""
    server = Server(answer)
    if tls is not None:
        server.url = server.url.replace("http:", "https:")
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def http(status, body=b"", **headers):
    """An answer in HTTP/1.1. A body that is neither bytes nor text becomes JSON."""
    if not isinstance(body, bytes | str):
        body = json.dumps(body)
    data = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"Content-Length": len(data), "Connection": "close", **named}
    lines = (f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in sent.items()))
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def taken(request):
    """The answers of a Connect that takes the order to pause `capture-his`, and has carried it out when it is asked."""
    if request.method != "GET":
        return http(202)
    whole = {"state": "PAUSED", "worker_id": "127.0.0.1:8083"}
    return http(200, {"name": "capture-his", "connector": whole, "tasks": [{"id": 0, **whole}]})


def own(status, message):
    """A refusal as Kafka Connect gives it."""
    return http(status, {"error_code": status, "message": message})


def certificate(folder, name="127.0.0.1"):
    """A certificate that nobody but itself signed, and its key, as files."""
    files = folder / f"{name}.pem", folder / f"{name}.key"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    named = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{name}"]
    subprocess.run([*made, *named, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


def _trickle(request):
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    while not request.gone(0.02):
        yield b" "


def _silence(request):
    request.gone(30)
    return b""


def _endless(_):
    yield b"HTTP/1.1 200 OK\r\n\r\n["
    yield from itertools.repeat(b"1, " * 50_000, 100)


PAGE = "<!DOCTYPE html><html><head><title>Sign\nin</title></head><body>please</body></html>"
WRONG_INSIDE = {
    "name": 7,
    "config": [],
    "connector": {"state": "RUNNING", "worker_id": None},
    "tasks": {"0": "RUNNING"},
    "configs": [{"value": {"name": "a", "errors": "none"}}],
}
ODD = {
    "a redirect": lambda _: http(302, Location="http://ops:hunter2@login.example/sso?token=hunter2"),
    "a redirect in a circle": lambda request: http(307, Location=request.path),
    "a redirect with a page": lambda _: http(301, PAGE, Location="/login"),
    "a redirect to nowhere": lambda _: http(303),
    "a login page": lambda _: http(200, PAGE, Content_Type="text/html"),
    "a login page that took an order": lambda _: http(202, PAGE),
    "a page of a lost path": lambda _: http(404, PAGE),
    "a page of a gateway": lambda _: http(502, PAGE),
    "a page of a gateway that waits": lambda _: http(503, PAGE),
    "a gateway's own refusal": lambda _: http(404, {"message": "no Route matched with those values"}),
    "a path that Connect does not have": lambda _: own(404, "HTTP 404 Not Found"),
    "an empty list": lambda _: http(200, []),
    "a list of numbers": lambda _: http(200, [1]),
    "an empty object": lambda _: http(200, {}),
    "another's object": lambda _: http(200, {"status": "ok", "class": "x"}),
    "wrong types inside": lambda _: http(200, WRONG_INSIDE),
    "text": lambda _: http(200, '"ok"'),
    "null": lambda _: http(200, "null"),
    "nothing": lambda _: http(200),
    "JSON that breaks off": lambda _: http(200, '{"name": "capture-his", "conn'),
    "a body that breaks off": lambda _: http(200, '{"name": "capture-his"', Content_Length=4000),
    "chunks that are none": lambda _: b"HTTP/1.1 202 Said\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n",
    "more headers than anybody reads": lambda _: http(202, **{f"X-{number}": "x" for number in range(200)}),
    "an order taken and cut off": lambda _: http(202, Content_Length=4000),
    "no UTF-8": lambda _: http(200, b'{"name": "\xff\xfe"}'),
    "a nest without end": lambda _: http(200, b"[" * 100_000),
    "a body without end": _endless,
    "a trickle": _trickle,
    "silence": _silence,
    "no HTTP": lambda _: b"SSH-2.0-OpenSSH_9.2\x1b[2J\r\n",
    "an alert of TLS": lambda _: b"\x15\x03\x03\x00\x02\x02\x46",
    "a closed connection": lambda _: b"",
}
"""By what they are: what a login page, a proxy, another service or a broken network says in the place of the one that was asked."""

SLOW = {"a trickle", "silence"}
"""Those that only a time limit ends."""
