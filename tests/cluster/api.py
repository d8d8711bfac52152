"""The server's own interface, by HTTPS on the loopback address."""

import http
import http.client
import json
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sandbox.stack.ports import LOOPBACK

_MERGE: Final = "application/merge-patch+json"
_STRATEGIC: Final = "application/strategic-merge-patch+json"


class Refused(Exception):
    """The server refused; `code` is HTTP's, the text the server's message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Api:
    """A client with all rights. Each thread has a connection of its own, which it keeps."""

    def __init__(self, port: int, token: str, authority: Path) -> None:
        self._port = port
        self._token = token
        self._context = ssl.create_default_context(cafile=f"{authority}")
        self._kept = threading.local()

    def text(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> str:
        """What it answers. Raises Refused, OSError."""
        sent = None if body is None else json.dumps(body).encode()
        try:
            status, told = self._exchange(method, path, sent, kind)
        except http.client.RemoteDisconnected:  # a server closes a connection that was idle for long
            status, told = self._exchange(method, path, sent, kind)
        if status >= http.HTTPStatus.BAD_REQUEST:
            raise Refused(status, message_of(told))
        return told.decode()

    def _exchange(self, method: str, path: str, sent: bytes | None, kind: str) -> tuple[int, bytes]:
        connection = getattr(self._kept, "connection", None) or self._connect()
        try:
            connection.request(method, path, sent, {"Authorization": f"Bearer {self._token}", "Content-Type": kind})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            self._kept.connection = None
            raise

    def _connect(self) -> http.client.HTTPSConnection:
        self._kept.connection = http.client.HTTPSConnection(LOOPBACK, self._port, timeout=60, context=self._context)
        return self._kept.connection

    def get(self, path: str) -> Any:
        """Raises Refused, OSError."""
        return json.loads(self.text("GET", path))

    def items(self, path: str) -> list[Any]:
        """Raises Refused, OSError."""
        return self.get(path)["items"]

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Raises Refused, OSError."""
        return json.loads(self.text("POST", path, body))

    def merge(self, path: str, body: Mapping[str, Any]) -> Any:
        """Raises Refused, OSError."""
        return json.loads(self.text("PATCH", path, body, _MERGE))

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Lists are merged by the keys of their entries. Raises Refused, OSError."""
        return json.loads(self.text("PATCH", path, body, _STRATEGIC))

    def delete(self, path: str, grace_s: int = 0) -> Any:
        """Raises Refused, OSError."""
        return json.loads(self.text("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": grace_s}))

    def kinds(self) -> list[tuple[str, str]]:
        """(kind, path of its list, with {namespace} in it) of whatever a namespace can have. Raises Refused, OSError."""
        versions = ["api/v1", *(f"apis/{one['preferredVersion']['groupVersion']}" for one in self.get("/apis")["groups"])]
        return [
            (one["kind"], f"/{version}/namespaces/{{namespace}}/{one['name']}")
            for version in versions
            for one in self.get(f"/{version}")["resources"]
            if one["namespaced"] and "list" in one["verbs"]
        ]


def message_of(answer: bytes) -> str:
    """The message of a Status; the answer itself where it is none."""
    try:
        told = json.loads(answer)
    except ValueError:
        return answer.decode("utf-8", "replace")
    return told.get("message", "") if isinstance(told, dict) else answer.decode("utf-8", "replace")
