"""The addresses of a worker that machines look at, `/live`, `/ready`, `/health` and `/metrics`, and `/runbooks` for people.

A thread of its own serves them, for the event loop is one of the things that are looked at: a server in it would be silent where it
should say that the loop is stuck. Nothing outside of the process is asked, whatever is asked for.
"""

import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, TypeAlias

import orjson

from streams.errors import Misconfigured
from streams.telemetry import runbook_pages
from streams.telemetry.conditions import Condition, Kind, state_of

_ANSWER_WITHIN_S: Final = 5.0
"""So long somebody may take to ask, or to take the answer."""
_MOST_AT_ONCE: Final = 16
_JSON: Final = "application/json"
_SAYS_NO: Final[Mapping[str, frozenset[Kind]]] = {
    "/live": frozenset({Kind.DEAD}),
    "/ready": frozenset({Kind.DEAD, Kind.UNREADY}),
    "/health": frozenset({Kind.DEAD, Kind.UNREADY}),
}
"""By address: what makes its answer a 503."""
_TELLS: Final[Mapping[str, frozenset[Kind]]] = {**_SAYS_NO, "/health": frozenset(Kind)}
"""By address: what it tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered."""

    status: HTTPStatus
    media_type: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Besides those that every answer has."""


Written: TypeAlias = tuple[bytes, str]
"""A text and its media type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is told of a worker. Any thread may ask."""

    worker: str
    """Stage and index."""
    conditions: Callable[[], list[Condition]]
    """What speaks against it now."""
    metrics: Callable[[str], Written] = field(repr=False)
    """By the forms that the asker takes."""


def answer(path: str, accept: str, told: Told, *, languages: str = "") -> Answer:
    """The answer to a GET. accept, languages: the headers `Accept` and `Accept-Language`."""
    path, _, query = path.partition("?")
    if path == runbook_pages.ROOT or path.startswith(f"{runbook_pages.ROOT}/"):
        page = runbook_pages.served(path, query=query, accept=accept, languages=languages)
        status = HTTPStatus.OK if page.found else HTTPStatus.NOT_FOUND
        return Answer(status=status, media_type=page.media_type, body=page.body, headers=runbook_pages.HEADERS)
    if path == "/metrics":
        body, media_type = told.metrics(accept)
        return Answer(status=HTTPStatus.OK, media_type=media_type, body=body)
    if path not in _TELLS:
        known = ", ".join((*_TELLS, "/metrics", runbook_pages.ROOT))
        body = orjson.dumps({"error": f"nothing is here; there are {known}"})
        return Answer(status=HTTPStatus.NOT_FOUND, media_type=_JSON, body=body)
    conditions = [one for one in told.conditions() if one.kind in _TELLS[path]]
    status = HTTPStatus.SERVICE_UNAVAILABLE if any(one.kind in _SAYS_NO[path] for one in conditions) else HTTPStatus.OK
    reasons = [one.document for one in conditions]
    body = orjson.dumps({"worker": told.worker, "state": state_of(conditions), "reasons": reasons})
    return Answer(status=status, media_type=_JSON, body=body)


class Served:
    """The addresses, served from its making to `close`. port: 0 takes a free one. Raises Misconfigured where it cannot be had."""

    def __init__(self, told: Told, *, host: str, port: int) -> None:
        self._server = _server(told, host, port)
        self._thread = threading.Thread(target=self._server.serve_forever, name="http", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where they begin."""
        host, port = self._server.server_address[:2]
        shown = f"{host!s}"
        return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _server(told: Told, host: str, port: int) -> ThreadingHTTPServer:
    class Handler(_Handler):
        asked = told

    class Server(_Server):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    try:
        return Server((host, port), Handler)
    except OSError as exc:
        raise Misconfigured(
            f"{host} port {port} cannot be served ({exc.strerror}): choose others with workers.http.host and port in site.yaml; "
            "port 0 takes a free one"
        ) from exc


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *args: Any) -> None:
        self._room = threading.BoundedSemaphore(_MOST_AT_ONCE)
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Askers beyond what there is room for are sent away: a flood of them must not become a flood of threads."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever asks goes away as he likes."""


class _Handler(BaseHTTPRequestHandler):
    asked: Told
    timeout = _ANSWER_WITHIN_S
    server_version, sys_version = "yibao", ""

    def do_GET(self) -> None:
        """Answer."""
        asks = {name: self.headers.get(name, "") for name in ("Accept", "Accept-Language")}
        found = answer(self.path, asks["Accept"], self.asked, languages=asks["Accept-Language"])
        self.send_response(found.status)
        self.send_header("Content-Type", found.media_type)
        self.send_header("Content-Length", f"{len(found.body)}")
        self.send_header("Cache-Control", "no-store")
        for name, value in found.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(found.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's signature
        """Say nothing: a probe comes every few seconds."""
