"""The way to a platform is gone on real connections: as far as it leads, and no further than a site allows."""

import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from yibao.doctor.platforms import of_way
from yibao.doctor.ways import Way, certificate_at, walk


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of two days, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    names = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run(
        ("openssl", "req", "-x509", *curve, *names, "-out", files[0], "-keyout", files[1]), check=True, capture_output=True
    )
    return files


@contextmanager
def server(*, tls=None, answer=b""):
    """Takes one connection after the other, keeps what each says, and answers what is asked with `answer`."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            while True:
                try:
                    connection, _ = listening.accept()
                    with connection if tls is None else tls.wrap_socket(connection, server_side=True) as talking:
                        said = talking.recv(4096)
                        heard.append(said)
                        if said:
                            talking.sendall(answer)
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1], heard
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def serving(certificate):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


def checks_of(way):
    return [told.check for told in of_way(way, now=datetime.now(UTC), days=30)]


def test_without_leave_nothing_is_said_beyond_the_handshake(certificate):
    """The interface has no query: a request of ours could be taken for a report."""
    with server(tls=serving(certificate)) as (port, heard):
        way = walk(Way(url=f"https://127.0.0.1:{port}/fsp", ca_file=certificate[0]))

        assert ["tls.certificate"] == checks_of(way)
        assert timedelta(days=1) < way.valid_until - datetime.now(UTC) < timedelta(days=2)
        assert way.valid_until == certificate_at(f"127.0.0.1:{port}", ssl.create_default_context(cafile=certificate[0]))
    assert not any(heard)


def test_a_probe_tells_the_platforms_clock():
    """Only by its answer can it be known that its clock is ten minutes behind."""
    late = (datetime.now(UTC) - timedelta(minutes=10)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    answer = f"HTTP/1.1 404 Not Found\r\nDate: {late}\r\nContent-Length: 0\r\n\r\n".encode()
    with server(answer=answer) as (port, heard):
        way = walk(Way(url=f"http://127.0.0.1:{port}/fsp", probe="options"))

    assert (404, ["clock.others"]) == (way.status, checks_of(way))
    assert b"OPTIONS /fsp HTTP/1.1" == heard[0].splitlines()[0]
    assert b"authorization" not in heard[0].lower()


def test_an_authority_that_nobody_named_is_a_finding(certificate):
    """Requests would fail as this does, and hold every lane."""
    with server(tls=serving(certificate)) as (port, _heard):
        assert ["platform.tls"] == checks_of(walk(Way(url=f"https://127.0.0.1:{port}")))


def test_a_proxy_that_refuses_is_named():
    """Behind a proxy the platform's own port says nothing."""
    with server(answer=b"HTTP/1.1 403 Forbidden\r\n\r\n") as (port, heard):
        way = walk(Way(url="https://platform.invalid/fsp", proxy=f"http://127.0.0.1:{port}"))

    assert (["platform.reach"], "HTTP 403 Forbidden") == (checks_of(way), way.refused)
    assert heard[0].startswith(b"CONNECT platform.invalid:443 HTTP/1.1")


def test_a_closed_port_and_a_name_that_nobody_knows():
    """The two most usual ones."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    assert ["platform.reach"] == checks_of(walk(Way(url=f"http://127.0.0.1:{port}")))
    assert ["platform.name"] == checks_of(walk(Way(url="http://platform.invalid")))
