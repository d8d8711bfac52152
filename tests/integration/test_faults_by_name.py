"""Each thing that can be wrong on the way to a platform says its own name: in the event, in the hold, in the counts."""

import asyncio
import ssl
import subprocess
import warnings
from contextlib import asynccontextmanager

import orjson
import pytest
from structlog.testing import capture_logs

from streams.deliver.causes import HoldCause, RetryCause
from streams.deliver.remedies import REMEDIES
from streams.deliver.verdict import Accepted, Held, Throttled
from tests.integration.test_gateway import MSGID, NAME, Platform, batch, gateway, half, http, reset, said
from tests.settings import breaker_settings

SOON = breaker_settings(failures=2)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "c.pem", folder / "k.pem"
    command = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run([*command, *subject, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


@pytest.fixture
def logs():
    with capture_logs() as told:
        yield told


@asynccontextmanager
async def serving(*answers, certificate=None, old=False):
    """A platform with these answers, over TLS where there is a certificate. old: it speaks TLS 1.1 and nothing else."""
    served, context = Platform(), None
    served.answers = list(answers) or served.answers
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        if old:
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings(action="ignore"):
                context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_1
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=context)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()


async def told(port, **settings):
    """Post until it is held, or the breaker opens; the verdict and the event."""
    with capture_logs() as logs:
        async with gateway(port, breaker=SOON, **settings) as opened:
            for _ in range(SOON.failures):
                found = await opened.post(batch(), MSGID)
    return found, next((entry for entry in logs if entry["event"] == "breaker_opened"), {})


async def test_http_on_a_port_with_tls_is_named_though_the_server_only_closes(certificate):
    """It is the commonest slip of a new site, and a server that hangs up looks like a broken network."""
    async with serving(certificate=certificate) as platform:
        found, _ = await told(platform.port)
    assert (Held, HoldCause.TLS_WANTED, []) == (type(found), found.cause, platform.requests)
    assert not found.took_nothing  # what was sent could be read by whoever was there


async def test_http_on_a_port_that_answers_in_tls_is_named_at_once():
    """An alert of TLS in the place of an answer says it without a second look."""
    async with serving(b"\x15\x03\x01\x00\x02\x02\x46") as platform, gateway(platform.port) as opened:
        found = await opened.post(batch(), MSGID)
    assert (Held, HoldCause.TLS_WANTED) == (type(found), found.cause)


async def test_https_on_a_port_without_tls_is_named():
    """The same slip the other way round."""

    async def plain(_reader, writer):
        writer.write(http(400, b"bad request"))
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    found, _ = await told(server.sockets[0].getsockname()[1], scheme="https")
    server.close()
    assert (Held, HoldCause.TLS_NOT_SPOKEN, True) == (type(found), found.cause, found.took_nothing)
    assert "WRONG_VERSION_NUMBER" in found.message


async def test_a_platform_that_speaks_only_tls_1_1_is_named(certificate):
    """Its people say "the network is fine", and a time-out is all that the hospital sees."""
    async with serving(certificate=certificate, old=True) as platform:
        found, _ = await told(platform.port, scheme="https")
    assert (Held, HoldCause.TLS_TOO_OLD, []) == (type(found), found.cause, platform.requests)


def issued(folder, *, host="127.0.0.1", years=("2020", "2049"), authority=None):
    """A certificate and its key. authority: certificate and key of who signs it; None: itself."""
    files = folder / "certificate.pem", folder / "key.pem"
    (folder / "index.txt").touch()
    form = "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nrand_serial=yes\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n"
    (folder / "ca.cnf").write_text(f"{form}copy_extensions=copy\n[p]\ncommonName=supplied\n")
    asking = ("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=platform")
    asking += ("-addext", f"subjectAltName=IP:{host}", "-keyout", files[1], "-out", folder / "request.pem")
    signer = ("-cert", authority[0], "-keyfile", authority[1]) if authority else ("-selfsign", "-keyfile", files[1])
    signing = ("openssl", "ca", "-batch", "-config", "ca.cnf", *signer, "-in", "request.pem", "-out", files[0])
    dates = (f"{year}0101000000Z" for year in years)
    for command in (asking, (*signing, "-startdate", next(dates), "-enddate", next(dates))):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return files


@pytest.mark.parametrize(
    ("form", "trusted", "words"),
    [
        ({"host": "10.9.9.9"}, True, ("another host", "platform.url")),
        ({"years": ("2048", "2049")}, True, ("not valid yet", "clock")),
        ({"years": ("2020", "2021")}, True, ("expired", "renewed")),
        ({}, False, ("signed by itself", "platform.ca_file")),
        ({"authority": True}, False, ("authority that nobody here knows", "platform.ca_file")),
    ],
    ids=["name", "early", "late", "self-signed", "authority"],
)
async def test_a_certificate_says_what_is_wrong_with_it(tmp_path, certificate, form, trusted, words):
    """A clock, a name and an authority's file are three people's work: one text for all of them sends the wrong one."""
    files = issued(tmp_path, **{**form, **({"authority": certificate} if "authority" in form else {})})
    async with serving(certificate=files) as platform:
        found, _ = await told(platform.port, scheme="https", ca_file=files[0] if trusted else None)
    assert (HoldCause.CERTIFICATE, True, []) == (found.cause, found.took_nothing, platform.requests)
    assert (True, True) == (words[0] in found.message, words[1] in found.remedy)


async def test_a_host_that_nobody_knows_is_named():
    """A slip in platform.url, or a name service that is down: it may pass, and nothing was sent."""
    found, event = await told(1, url="http://platform.invalid:80")
    assert (RetryCause.UNKNOWN_HOST, False) == (found.cause, found.may_have_arrived)
    assert ("unknown_host", REMEDIES[RetryCause.UNKNOWN_HOST]) == (event["cause"], event["remedy"])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "something that is not HTTP"),
        (http(200, b"{}", X=b"x" * 70_000), "headers that are too large"),
        (http(200, b"{}", **{f"X{number}": "x" * 40 for number in range(400)}), "HTTP that breaks its rules, or too many headers"),
        (http(200, b"abc", Content_Encoding="gzip"), "a Content-Encoding that cannot be undone, though none was asked for"),
        (half, "an answer that is cut off"),
        (reset, "nothing: the connection was closed"),
    ],
    ids=["no HTTP", "long header", "many headers", "encoding", "cut", "closed"],
)
async def test_an_answer_that_is_none_tells_what_came(answer, words):
    """A wrong port, a gateway's cookies and a proxy that compresses unasked look like a bad cable otherwise."""
    async with serving(answer) as platform, gateway(platform.port) as opened:
        found = await opened.post(batch(), MSGID)
    assert (RetryCause.CONNECTION, True, words) == (found.cause, found.may_have_arrived, found.words)


async def test_a_login_page_is_named_by_its_title_and_goes_on_by_itself():
    """A gateway's session ended; a minute later somebody logs in, and nobody need be called for the lane."""
    page = f"<html><head><title>网络准入 登录 {NAME}</title></head><input type='password'></html>".encode()
    async with serving(http(200, page), http(200, page), said(200)) as platform:
        clock = [0.0]
        with capture_logs() as logs:
            async with gateway(platform.port, breaker=SOON, now=lambda: clock[0]) as opened:
                for _ in range(2):
                    assert RetryCause.LOGIN_PAGE == (await opened.post(batch(), MSGID)).cause
                clock[0] += 5.0
                assert Accepted(code="200", repeated=False) == await opened.post(batch(), MSGID)
    event, closed = logs
    assert ("login_page", 200, "", "breaker_closed") == (event["cause"], event["http_status"], event["code"], closed["event"])
    assert "网络准入 登录" in event["platform_says"]
    assert NAME not in repr(logs)
    assert "login" in event["remedy"]


@pytest.mark.parametrize(
    ("answer", "cause", "words"),
    [
        (said(0, "成功"), HoldCause.UNKNOWN_CODE, "成功"),
        (http(200, orjson.dumps('{"code":200,"message":"已入库"}')), HoldCause.JSON_IN_STRING, "已入库"),
        (http(200, b'{"code":200,"code":40003}'), HoldCause.DOUBLED_MEMBER, ""),
        (http(302, b'{"code":200}', Location="http://elsewhere/"), HoldCause.REDIRECT_ANSWERED, ""),
    ],
    ids=["code 0", "JSON in a string", "twice", "redirect"],
)
async def test_what_cannot_pass_by_itself_is_held_with_the_first_answer(answer, cause, words):
    """The fifth try tells nothing that the first one did not, and each is a night's sleep later."""
    async with serving(answer, said(40005)) as platform, gateway(platform.port, breaker=SOON) as opened:
        found = await opened.post(batch(), MSGID)
        assert (Held, cause, True) == (type(found), found.cause, found.leaves_open)
        assert words in found.message
        assert Accepted(code="40005", repeated=True) == await opened.post(batch(), MSGID)
    first, second = platform.bodies
    assert first["msgid"] == second["msgid"]


@pytest.mark.parametrize("after", ["0", "Wed, 01 May 2024 03:00:00 GMT"])
async def test_a_platform_that_says_at_once_is_left_alone_for_longer_each_time(after, logs):
    """It said that it takes no more. Seven hundred requests a second from each lane would be an attack."""
    async with serving(http(429, Retry_After=after)) as platform:
        clock, waits = [100.0], []
        async with gateway(platform.port, now=lambda: clock[0]) as opened:
            for _ in range(9):
                assert isinstance(await opened.post(batch(), MSGID), Throttled)
                wait = await opened.post(batch(), MSGID)
                waits.append(wait.after_s)
                clock[0] += wait.after_s
            assert [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0] == waits
            platform.answers = [said(200), http(429, Retry_After=after)]
            await opened.post(batch(), MSGID)
            await opened.post(batch(), MSGID)
            assert 1.0 == (await opened.post(batch(), MSGID)).after_s
    assert 11 == len(platform.requests)
    assert [("platform_throttled", 3, 4.0)] == [(entry["event"], entry["times"], entry["wait_s"]) for entry in logs]
