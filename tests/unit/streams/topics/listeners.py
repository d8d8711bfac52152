"""Something that takes connections where a broker should be, and what it says to whoever comes."""

import socket
import threading
from contextlib import contextmanager, suppress


@contextmanager
def listening(*, answer=b""):
    """Its address. answer: what it says to whatever is said to it; nothing: it never takes a word, as a program that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        if answer:
            threading.Thread(target=_serve, args=(server, answer), daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


def _serve(server, answer):
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with suppress(OSError), connection:
            if connection.recv(64):
                connection.sendall(answer)
