"""How Connect is reached and who is let in: login, token, path, authority, proxy; and no secret to anybody else or on a screen."""

import selectors
import socket
import ssl
import sys

import pytest

from connector.connect import Access, Connect
from connector.errors import Unreachable
from tests.unit.connector.odd_answers import PAGE, certificate, http, own, serving, taken
from tests.unit.yibao.connector_verbs import SECRET, connector_verbs, one_error
from yibao.main import run

UNWRITTEN = (
    "warning: not in the audit log: Kafka does not answer (127.0.0.1:9092: Connection refused); check kafka.bootstrap_servers and "
    "that the brokers run\n"
)
"""A capture can be paused while no broker answers."""


@pytest.fixture(scope="module")
def server():
    with serving() as opened:
        yield opened


@pytest.fixture
def yibao(tmp_path, monkeypatch, capsys):
    return connector_verbs(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("login", "setting"),
    [
        ({}, "set connect.user and connect.password_file, or connect.token_file"),
        ({"user": "ops", "password_file": "secret"}, "check connect.user and connect.password_file"),
        ({"token_file": "secret"}, "check connect.token_file"),
    ],
)
def test_a_login_that_is_refused_is_exit_code_2_with_its_setting(server, yibao, status, login, setting):
    """A wrong password is mended in a file; nobody needs to look for a network fault."""
    server.answer = lambda request: http(status, f"<html>{request.headers.get('authorization')}</html>")
    code, out, err = yibao("pause", "his", url=server.url, **login)
    assert (2, "", True) == (code, out, setting in one_error(err))


def guarded(wanted):
    """A Connect that lets in who brings this header, and repeats to everybody what came."""
    name, _, value = wanted.partition(": ")

    def answer(request):
        if request.headers.get(name) == value:
            return taken(request)
        return own(400, f"you sent {request.headers}")

    return answer


@pytest.mark.parametrize(
    ("login", "wanted"),
    [
        ({"user": "ops", "password_file": "secret"}, "authorization: Basic b3BzOmh1bnRlcjItaXMtYS1zZWNyZXQ="),
        ({"token_file": "secret"}, f"authorization: Bearer {SECRET}"),
    ],
)
def test_a_login_of_the_settings_is_sent_and_never_told(server, yibao, login, wanted):
    """An echo of a debugging proxy must not carry a password into a terminal, a pipeline's log or a ticket."""
    server.answer = guarded(wanted)
    assert (0, "", UNWRITTEN) == yibao("pause", "his", url=server.url, **login)
    server.answer = guarded("authorization: another")
    code, _, err = yibao("pause", "his", url=server.url, **login)
    assert (1, True) == (code, "you sent" in one_error(err))
    assert wanted.split()[-1] not in err


@pytest.mark.parametrize("token", ["Bearer abc", "令牌", "a\nb"])
def test_a_token_that_cannot_be_sent_is_told_with_its_setting(server, yibao, tmp_path, token):
    """Copied with its first word or its line breaks, it would be refused without a hint."""
    (tmp_path / "token").write_text(token, encoding="utf-8")
    code, _, err = yibao("pause", "his", url=server.url, token_file="token")
    assert (2, True, False) == (code, "connect.token_file" in one_error(err), token in err)


def test_the_path_under_which_a_gateway_has_connect_is_kept(server, yibao):
    """Everything below it, and a name in Chinese as it must be written in a request."""
    server.answer, server.requests[:] = taken, []
    assert 0 == yibao("pause", "his", url=f"{server.url}/平台/connect/")[0]
    order, *looks = [request.path for request in server.requests]
    assert "/%E5%B9%B3%E5%8F%B0/connect/connectors/capture-his/pause" == order
    assert {"/%E5%B9%B3%E5%8F%B0/connect/connectors/capture-his/status"} == {*looks}


def test_a_redirect_takes_no_login_to_another_host(server, yibao):
    """Whoever stands there has not been told to us, and would be let in to rewrite the captures."""
    with serving(lambda _: http(202)) as elsewhere:
        server.answer = lambda request: http(307, Location=elsewhere.url + request.path)
        code, _, err = yibao("pause", "his", url=server.url, token_file="secret")
        assert (3, []) == (code, elsewhere.requests)
        assert f"a redirect to {elsewhere.url}/connectors/capture-his/pause, which is not followed" in one_error(err)


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """A Connect with TLS, and the file with the authority that signed its certificate."""
    file, key = certificate(tmp_path_factory.mktemp("tls"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    with serving(taken, tls=context) as opened:
        opened.ca_file = file
        yield opened


def test_connects_certificate_is_checked_against_the_authority_of_the_settings(server, secured, yibao, tmp_path):
    """An unchecked certificate is no certificate, and the error names the file that decides."""
    other, _ = certificate(tmp_path, "127.0.0.2")
    assert (0, "", UNWRITTEN) == yibao("pause", "his", url=secured.url, ca_file=secured.ca_file)
    for wrong in ({}, {"ca_file": other}):
        code, _, err = yibao("pause", "his", url=secured.url, **wrong)
        assert (3, True) == (code, "not trusted" in one_error(err))
        assert "connect.ca_file" in err
    code, _, err = yibao("pause", "his", url=secured.url, ca_file=secured.ca_file.with_suffix(".none"))
    assert (2, True) == (code, "connect.ca_file" in one_error(err))
    server.answer = lambda _: http(202)
    for swapped in (secured.url.replace("https", "http"), server.url.replace("http", "https")):
        code, _, err = yibao("pause", "his", url=swapped, ca_file=secured.ca_file)
        assert (3, True) == (code, "where TLS is spoken" in err or "where no TLS is spoken" in one_error(err))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"url": "https://nowhere.invalid"}, "the host is not known"),
        ({"url": "https://a..b"}, "the host is not known"),
        ({"url": f"https://{'a' * 70}.his"}, "the host is not known"),
        ({"url": "http://127.0.0.1:1"}, "127.0.0.1:1/connectors"),
        ({"url": "https://connect.his", "proxy": "http://127.0.0.1:1"}, "through http://127.0.0.1:1"),
        ({"url": "https://connect.his", "proxy": "'http://[::1]:1'"}, "through http://[::1]:1"),
    ],
)
def test_an_address_where_nothing_is_is_named(yibao, settings, named):
    """Exit code 3, so that a pipeline tries again, and the address, so that a person sees the slip."""
    code, out, err = yibao("pause", "his", **settings)
    assert (3, "", True) == (code, out, named in one_error(err))


@pytest.fixture
def proxy(secured):
    """A proxy with a login of its own: it relays to the secured Connect, and answers a plain request in Connect's place."""

    def let_in(headers):
        return headers.get("proxy-authorization") == "Basic cDpodW50ZXIyLWlzLWEtc2VjcmV0"

    def answer(request):
        return taken(request) if let_in(request.headers) else http(407, PAGE)

    def tunnel(handler):
        headers = {name.lower(): value for name, value in handler.headers.items()}
        opened.requests.append((handler.path, headers))
        handler.close_connection = True
        if handler.path.startswith("refused"):
            handler.wfile.write(http(403, PAGE))
        elif let_in(headers):
            handler.wfile.write(b"HTTP/1.1 200 through\r\n\r\n")
            relay(handler.connection, secured.server_address)
        else:
            handler.wfile.write(http(407, PAGE))

    with serving(answer) as opened:
        opened.tunnel = tunnel
        yield opened


def test_a_proxy_of_the_settings_is_gone_through_with_its_own_login(secured, proxy, yibao, monkeypatch):
    """Where TLS is spoken it does not see Connect's login, and Connect never sees the proxy's. The environment decides nothing."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    login = {"proxy": proxy.url, "proxy_user": "p", "proxy_password_file": "secret", "ca_file": secured.ca_file}
    secured.requests.clear()
    assert (0, "", UNWRITTEN) == yibao("pause", "his", url=secured.url, token_file="secret", **login)
    to, sent = proxy.requests[0]
    assert secured.url == f"https://{to}"
    assert "authorization" not in sent
    request, *_looks = secured.requests
    assert (f"Bearer {SECRET}", None) == (request.headers["authorization"], request.headers.get("proxy-authorization"))

    proxy.requests.clear()
    assert (0, "", UNWRITTEN) == yibao("pause", "his", url="http://127.0.0.1:2/connect", **login)
    plain, *_looks = proxy.requests
    assert "http://127.0.0.1:2/connect/connectors/capture-his/pause" == plain.path
    assert "127.0.0.1:2" == plain.headers["host"]


def test_a_proxy_that_lets_nobody_through_is_told_from_connect(secured, proxy, yibao):
    """Its wrong login is mended in a file (2), its refusal somewhere else (3)."""
    for url in (secured.url, "http://127.0.0.1:2"):
        code, _, err = yibao("pause", "his", url=url, proxy=proxy.url)
        assert (2, True) == (code, "connect.proxy_user and connect.proxy_password_file" in one_error(err))
    code, _, err = yibao("pause", "his", url="https://refused.his", proxy=proxy.url)
    assert (3, True) == (code, "the proxy lets nobody through (Tunnel connection failed: 403" in one_error(err))


def relay(one, address):
    """Hand bytes to and fro until one side closes."""
    with socket.create_connection(address) as other, selectors.DefaultSelector() as ready:
        ready.register(one, selectors.EVENT_READ, other)
        ready.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in ready.select():
                if not (part := key.fileobj.recv(65536)):
                    return
                key.data.sendall(part)


def test_a_login_in_the_address_is_never_shown():
    """`check` refuses it in site.yaml; whoever makes the client otherwise must not find it in an error."""
    with pytest.raises(Unreachable) as caught:
        Connect(Access(url=f"http://ops:{SECRET}@127.0.0.1:1/x?key={SECRET}")).names()
    assert "GET http://127.0.0.1:1/x/connectors: " in f"{caught.value}"
    assert SECRET not in f"{caught.value}"
    assert SECRET not in f"{Access(url='http://x', password=SECRET, token=SECRET, proxy_password=SECRET)!r}"


def test_settings_that_do_not_go_together_are_told_at_load(yibao):
    """A password that goes nowhere, or one that everybody on the way can read, is found before it is used."""
    wrong = (
        ({"url": "https://connect.his", "user": "ops"}, "`user` and `password_file` go together"),
        ({"url": "https://connect.his", "token_file": "secret", "user": "o", "password_file": "secret"}, "exclude each other"),
        ({"url": "https://connect.his", "user": "'o:p'", "password_file": "secret"}, "colon"),
        ({"url": "https://connect.his", "proxy_user": "o", "proxy_password_file": "secret"}, "without `proxy`"),
        ({"url": "https://connect.his", "proxy": "http://127.0.0.1:3128", "proxy_user": "o"}, "go together"),
        (
            {"url": "https://connect.his", "proxy": "http://p.his", "proxy_user": "o", "proxy_password_file": "secret"},
            "`insecure: true`",
        ),
        ({"url": "http://127.0.0.1:8083", "proxy": "http://proxy.his:3128"}, "use https"),
        ({"url": "https://connect.his", "proxy": "https://proxy.his:3128"}, "connect.proxy"),
    )
    for settings, told in wrong:
        code, _, err = yibao("plan", **settings)
        assert (2, True) == (code, told in err), settings
    for address in ("https://ops:hunter2@connect.his", "https://connect.his?x=1", "https://connect.his:hunter2", "https://x:0"):
        code, _, err = yibao("plan", url=f"'{address}'")
        assert (2, True) == (code, "connect.url" in err), address


def test_a_password_in_an_address_is_refused_by_check_with_the_setting_for_it(yibao, tmp_path, monkeypatch, capsys):
    """site.yaml is kept in version control; who is only told "no" writes it somewhere worse."""
    yibao("plan", url="'http://ops:hunter2@127.0.0.1:8083'")
    text = (tmp_path / "site.yaml").read_text(encoding="utf-8")
    (tmp_path / "site.yaml").write_text(text.replace("http://127.0.0.1:8800", "'http://ops:hunter2@10.0.0.1'"), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["yibao", "check", "-c", f"{tmp_path / 'site.yaml'}"])
    with pytest.raises(SystemExit) as stopped:
        run()
    err = capsys.readouterr().err
    assert (2, False) == (stopped.value.code, "hunter2" in err)
    assert "connect.url: holds a user or a password" in err
    assert "see `user` and `password_file`, or `token_file`" in err
    assert "platform.url: holds a user or a password" in err
    assert "see `headers`" in err
