"""The gateway over real sockets: every way in which a platform, a proxy or a network answers, and how it is kept from harm."""

import asyncio
import ssl
import threading
import time
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import orjson
import pytest
from structlog.testing import capture_logs

from streams.deliver.breaker import Phase
from streams.deliver.causes import HoldCause, RetryCause
from streams.deliver.gateway import Gateway
from streams.deliver.look import PlatformLook
from streams.deliver.request import Institution, Unsealed
from streams.deliver.shapes import MAX_BODY_BYTES
from streams.deliver.verdict import Accepted, Held, Refused, Retry, Throttled
from streams.errors import Misconfigured
from streams.seal import Encoding, SealBroken, Sealer, generate_key_pair, open_sealed
from streams.spec.profiles import REPORTING
from streams.telemetry.board import Board
from streams.telemetry.conditions import Condition, Reason
from streams.testing import wait_for
from tests.patience import PATIENCE_S
from tests.settings import breaker_settings, gateway_settings, limit_settings
from tests.unit.streams.ready_records import batch_of, ready_record

CODE = "H36110200001"
MSGID = "H36110200001202405011200000b0000"
NAME, CERTNO = "欧阳锋", "51010219381005541X"
PAIR = generate_key_pair()


def batch(*, institution=CODE, count=1, **fields):
    person = {"PSN_NAME": NAME, "CERTNO": CERTNO, **fields}
    values = (orjson.dumps({"SETL_ID": f"S{number}", **person}) for number in range(1, count + 1))
    return batch_of(*(ready_record(number, value=value, institution=institution) for number, value in enumerate(values, start=1)))


class Platform:
    """A server that answers what the test puts into `answers`, the last one for ever. An answer is the raw bytes to send, or a
    coroutine function that gets the writer. opens: the private keys that it has; 40006 to what none of them opens. None: it looks
    at nothing.
    """

    def __init__(self):
        self.answers, self.requests, self.now, self.most, self.port = [said(200)], [], 0, 0, 0
        self.arrived = asyncio.Queue()
        self.opens = None

    async def serve(self, reader, writer):
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length"))
        self.requests.append((head, await reader.readexactly(length)))
        self.arrived.put_nowait(None)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if self.opens is not None and not self._opens():
                answer = said(40006)
            if callable(answer):
                return await answer(writer)
            writer.write(answer)
            await writer.drain()
        finally:
            self.now -= 1
        return True

    def _opens(self):
        for pair in self.opens:
            with suppress(SealBroken):
                return bool(open_sealed(pair, self.bodies[-1]["data"], Encoding()))
        return False

    @property
    def bodies(self):
        return [orjson.loads(body) for _, body in self.requests]


def http(status, body=b"", **headers):
    named = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", *named]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def said(code, text="", status=200, **headers):
    return http(status, orjson.dumps({"code": code, "message": text}), Content_Type="application/json", **headers)


async def reset(writer):
    writer.transport.abort()


async def half(writer):
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"code":200')
    await writer.drain()


async def silent(_writer):
    await asyncio.sleep(60)


async def endless(writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b'{"code":200,"message":"')
    for _ in range(2 * MAX_BODY_BYTES // 1024):
        writer.write(b"x" * 1024)
    await writer.drain()
    await asyncio.sleep(60)


@pytest.fixture
async def platform():
    served = Platform()
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.port = server.sockets[0].getsockname()[1]
    yield served
    server.close()


@asynccontextmanager
async def gateway(port, *, scheme="http", codes=(CODE,), seal=None, next_seal=None, now=None, **settings):
    seal = seal or Sealer(PAIR.public, Encoding())
    settings = {"timeout_s": PATIENCE_S, "url": f"{scheme}://127.0.0.1:{port}", **settings}
    rest = {"name": "第一人民医院", "seal": seal, "next_seal": next_seal, "key": lambda: "keys/h.pub"}
    institutions = {code: Institution(code=code, **rest) for code in codes}
    clock = {} if now is None else {"now": now}
    async with Gateway(gateway_settings(**settings), institutions, profile=REPORTING, **clock) as opened:
        yield opened


async def test_an_acceptance_tells_what_sealing_took_also_when_it_was_posted_again(platform):
    """The same text goes out again; the time that it took to make must not get lost with the first try."""
    now, begun, done = [0.0], threading.Event(), threading.Event()

    class Slow:
        fingerprint = ""

        def seal(self, plain):
            if plain != b"[]":  # that is the trial at the start
                begun.set()
                assert done.wait(PATIENCE_S)
            return plain.decode()

    async with gateway(platform.port, seal=Slow(), now=lambda: now[0]) as opened:
        platform.answers = [reset, said(200)]
        first = asyncio.ensure_future(opened.post(batch(), MSGID))
        await wait_for(begun.is_set)
        now[0] += 0.02
        done.set()
        assert isinstance(await first, Retry)
        now[0] += 60.0
        found = await opened.post(batch(), MSGID)
    assert isinstance(found, Accepted)
    assert 20 == found.sealing_ms


async def test_an_accepted_batch_reaches_the_platform_as_the_interface_says(platform):
    """The whole way once: path, envelope, and content that only the platform's key opens."""
    async with gateway(platform.port) as opened:
        assert Accepted(code="200", repeated=False) == await opened.post(batch(count=2), MSGID)
    [(head, body)] = platform.requests
    assert head.startswith("POST /metadata/receive/setl_d HTTP/1.1\r\n")
    sent = orjson.loads(body)
    assert (sent["infno"], sent["msgid"], sent["fixmedins_code"], sent["fixmedins_name"]) == ("2304", MSGID, CODE, "第一人民医院")
    plain = open_sealed(PAIR, sent["data"], Encoding())
    assert plain == b"[" + b",".join(record.value for record in batch(count=2).records) + b"]"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (said(40005), Accepted(code="40005", repeated=True)),
        (said(50000), Retry(cause=RetryCause.SYSTEM_ERROR, code="50000", http_status=200)),
        (http(200), Retry(cause=RetryCause.NO_CODE, http_status=200)),
        (http(200, b"<html>gateway</html>", Content_Type="text/html"), Retry(cause=RetryCause.PAGE, http_status=200)),
        (http(502, b"<html>bad</html>"), Retry(cause=RetryCause.SERVER_ERROR, http_status=502)),
        (http(503, Retry_After="9"), Retry(cause=RetryCause.SERVER_ERROR, http_status=503, after_s=9.0)),
        (http(429, Retry_After="9"), Throttled(after_s=9.0)),
        (reset, Retry(cause=RetryCause.CONNECTION)),
        (half, Retry(cause=RetryCause.CONNECTION)),
        (b"no HTTP at all\r\n\r\n", Retry(cause=RetryCause.CONNECTION)),
        (silent, Retry(cause=RetryCause.TIMEOUT)),
    ],
    ids=["40005", "50000", "empty", "html", "502", "503", "429", "reset", "half a body", "not http", "silent"],
)
async def test_each_way_to_answer_has_its_verdict(platform, answer, expected):
    """Only the platform's own plain word may settle a record."""
    platform.answers = [answer]
    async with gateway(platform.port, timeout_s=0.3 if answer is silent else PATIENCE_S) as opened:
        assert expected == await opened.post(batch(), MSGID)


async def test_a_date_in_retry_after_is_waited_for(platform):
    """Seconds and dates are both in use."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    platform.answers = [http(429, Retry_After=soon)]
    async with gateway(platform.port) as opened:
        found = await opened.post(batch(), MSGID)
    assert 30 < found.after_s <= 40


async def test_a_redirect_is_not_followed(platform):
    """Patients' data goes to the address that the hospital wrote down and nowhere else."""
    platform.answers = [http(307, Location=f"http://127.0.0.1:{platform.port}/elsewhere"), said(200)]
    async with gateway(platform.port) as opened:
        found = await opened.post(batch(), MSGID)
    assert (Held, HoldCause.ADDRESS) == (type(found), found.cause)
    assert f"a redirect to 127.0.0.1:{platform.port}/elsewhere" in found.message
    assert len(platform.requests) == 1


async def test_an_endless_answer_is_cut_off(platform):
    """A broken platform must not fill the worker's memory."""
    platform.answers = [endless]
    async with gateway(platform.port) as opened:
        found = await asyncio.wait_for(opened.post(batch(), MSGID), 3.0)
    assert Retry(cause=RetryCause.NO_CODE, http_status=200) == found
    assert "more than 64 KiB" in found.words


async def test_nobody_listening_is_a_retry_of_what_cannot_have_arrived(platform, unused_tcp_port):
    """An outage is not a fault of a record, and after a night of it no lane may stand for fear of a repeat."""
    async with gateway(unused_tcp_port) as opened:
        found = await opened.post(batch(), MSGID)
    assert Retry(cause=RetryCause.UNREACHABLE) == found
    assert not found.may_have_arrived


async def test_the_proxy_of_the_environment_is_not_used(platform, monkeypatch, unused_tcp_port):
    """A developer's http_proxy must not decide where patients' data goes."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_tcp_port}")
    async with gateway(platform.port) as opened:
        assert Accepted(code="200", repeated=False) == await opened.post(batch(), MSGID)


async def test_a_certificate_that_nobody_vouches_for_holds_the_lane(tmp_path):
    """Without the check, whoever answers at that address gets the records, and says "accepted"."""
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    making = await asyncio.create_subprocess_exec(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
        *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await making.wait() == 0
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    served = Platform()
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with gateway(port, scheme="https") as opened:
        found = await opened.post(batch(), MSGID)
    assert (Held, HoldCause.CERTIFICATE, []) == (type(found), found.cause, served.requests)
    async with gateway(port, scheme="https", ca_file=certificate) as opened:
        assert Accepted(code="200", repeated=False) == await opened.post(batch(), MSGID)
    server.close()


async def test_a_retry_sends_the_same_bytes_and_a_new_msgid_new_ones(platform):
    """The same id with the same content is what the platform compares; encryption alone would make it another text each time."""
    platform.answers = [said(50000), reset, said(40005)]
    async with gateway(platform.port) as opened:
        for _ in range(3):
            found = await opened.post(batch(), MSGID)
        assert Accepted(code="40005", repeated=True) == found
        await opened.post(batch(), MSGID[:-1] + "1")
    first, second, third, other = platform.bodies
    assert first == second == third
    assert other["data"] != first["data"]


class Counting:
    """Seals slowly, and remembers how often; the first time it fails if it is told to."""

    fingerprint = ""

    def __init__(self, *, takes_s=0.02, broken_once=False):
        self.count = self.done = 0
        self.takes_s = takes_s
        self.broken_once = broken_once

    def seal(self, plain):
        if plain == b"[]":  # the gateway's own test of the key
            return plain.decode()
        self.count += 1
        time.sleep(self.takes_s)
        self.done += 1
        if self.broken_once and self.count == 1:
            raise ValueError("no")
        return plain.decode()


async def test_a_batch_that_was_prepared_is_not_sealed_again_nor_waited_for(platform):
    """Sealed while another batch is answered, so that a slow platform is not kept waiting."""
    seal = Counting(takes_s=0.3)
    platform.answers = [said(200)]
    async with gateway(platform.port, seal=seal) as opened:
        opened.prepare(batch(), MSGID)
        opened.prepare(batch(), MSGID)
        await wait_for(lambda: seal.done == 1)
        found = await opened.post(batch(), MSGID)
    assert Accepted(code="200", repeated=False) == found
    assert (1, True) == (seal.count, found.sealing_ms < 1000 * seal.takes_s / 2)


async def test_a_preparation_that_failed_holds_the_batch_when_it_is_posted_and_is_tried_again(platform):
    """Nobody waits for a preparation; its error must not get lost, nor stay for ever."""
    seal = Counting(broken_once=True)
    platform.answers = [said(200)]
    async with gateway(platform.port, seal=seal) as opened:
        opened.prepare(batch(), MSGID)
        held, found = await opened.post(batch(), MSGID), await opened.post(batch(), MSGID)
    assert (Held, HoldCause.SEAL) == (type(held), held.cause)
    assert Accepted(code="200", repeated=False) == found


@pytest.mark.parametrize(("code", "key"), [(40006, "keys/h.pub"), (40002, ""), (40004, "")])
async def test_a_text_that_the_platform_cannot_open_names_the_key(platform, code, key):
    """It may be another institution's; what is wrong with a registration has nothing to do with it."""
    platform.answers = [said(code)]
    async with gateway(platform.port) as opened:
        held = await opened.post(batch(), MSGID)
    assert (f"{code}", key) == (held.code, held.key)


FOLLOWING = generate_key_pair()


async def test_while_two_keys_are_live_what_one_does_not_open_goes_by_the_other_and_the_receipt_says_which(platform):
    """The platform changes its key at midnight; nobody has to be awake for it, and nothing stands."""
    async with gateway(platform.port, next_seal=Sealer(FOLLOWING.public, Encoding())) as opened:
        with capture_logs() as logs:
            platform.opens = [PAIR]
            found = [await opened.post(batch(), MSGID)]
            platform.opens = [FOLLOWING]
            found += [await opened.post(batch(), f"{MSGID[:-1]}{last}") for last in "23"]
    assert [PAIR.fingerprint, FOLLOWING.fingerprint, FOLLOWING.fingerprint] == [one.key for one in found]
    assert "0223" == "".join(body["msgid"][-1] for body in platform.bodies)  # the second one twice, under one id
    assert [("key_switched", FOLLOWING.fingerprint)] == [(one["event"], one["fingerprint"]) for one in logs]


async def test_where_neither_key_opens_it_the_batch_is_held_and_both_are_tried_again(platform):
    """A third key, or another institution's: that is for a person, who may put off the change, too."""
    async with gateway(platform.port, next_seal=Sealer(FOLLOWING.public, Encoding())) as opened:
        platform.opens = []
        held = [await opened.post(batch(), MSGID), await opened.post(batch(), MSGID)]
        platform.opens = [PAIR]
        found = await opened.post(batch(), MSGID)
    assert [(Held, "40006", "keys/h.pub")] * 2 == [(type(one), one.code, one.key) for one in held]
    assert (4 + 1, Accepted, PAIR.fingerprint) == (len(platform.bodies), type(found), found.key)


async def test_lanes_that_find_out_at_once_do_not_turn_back(platform):
    """Each of them was answered 40006 for the key of before."""
    platform.opens = [FOLLOWING]
    async with gateway(platform.port, next_seal=Sealer(FOLLOWING.public, Encoding())) as opened:
        with capture_logs() as logs:
            found = await asyncio.gather(*(opened.post(batch(), f"{MSGID[:-2]}{lane:02}") for lane in range(6)))
    assert {FOLLOWING.fingerprint} == {one.key for one in found}
    assert 1 == [one["event"] for one in logs].count("key_switched")


async def test_a_next_key_that_cannot_be_read_leaves_the_words_of_the_platform(platform):
    """What is wrong is that 40006 was answered."""
    platform.answers = [said(40006)]
    async with gateway(platform.port, next_seal=KeyThatBreaks()) as opened:
        held = await opened.post(batch(), MSGID)
    assert (HoldCause.ANSWER_CODE, "40006") == (held.cause, held.code)


async def test_after_a_hold_the_batch_is_sealed_anew(platform):
    """The hold may be over because the key was changed."""
    platform.answers = [said(40006), said(200)]
    async with gateway(platform.port) as opened:
        held = await opened.post(batch(), MSGID)
        await opened.post(batch(), MSGID)
    assert (HoldCause.ANSWER_CODE, "40006") == (held.cause, held.code)
    assert platform.bodies[0]["data"] != platform.bodies[1]["data"]


async def test_the_platforms_quotes_of_persons_do_not_come_through(platform):
    """Refusals go into headers and logs; this platform answers with the whole row."""
    platform.answers = [said(40003, f"{NAME} {CERTNO} 住院费用不平"), said(40002, f"{NAME} 无权")]
    with capture_logs() as logs:
        async with gateway(platform.port) as opened:
            refused, held = await opened.post(batch(), MSGID), await opened.post(batch(), MSGID)
    assert (type(refused), type(held)) == (Refused, Held)
    assert "费用不平" in refused.message
    told = repr((refused, held, logs))
    assert all(canary not in told for canary in (NAME, CERTNO))


async def test_repeated_after_a_refusal_holds(platform):
    """The caller knows that the id may have been refused; then 40005 proves nothing."""
    platform.answers = [said(40005)]
    async with gateway(platform.port) as opened:
        found = await opened.post(batch(), MSGID, refused_before=True)
    assert (Held, HoldCause.REPEATED_AFTER_REFUSAL) == (type(found), found.cause)


async def test_an_institution_that_the_site_does_not_have_holds_its_records(platform):
    """Taken out of site.yaml by mistake, its records must wait, not vanish."""
    async with gateway(platform.port) as opened:
        found = await opened.post(batch(institution="H36110200009"), MSGID)
    assert (Held, HoldCause.INSTITUTION, []) == (type(found), found.cause, platform.requests)


class KeyThatBreaks:
    """Never seals."""

    fingerprint = ""

    def seal(self, _plain):
        raise ArithmeticError(NAME)


async def test_a_key_that_breaks_holds_and_says_nothing_of_the_content(platform):
    """The key's fault; and what the library says may quote what it was given."""
    with capture_logs() as logs:
        async with gateway(platform.port, seal=KeyThatBreaks()) as opened:
            found = await opened.post(batch(), MSGID)
    assert (Held, HoldCause.SEAL, []) == (type(found), found.cause, platform.requests)
    assert ["seal_failed"] == [entry["event"] for entry in logs]
    assert NAME not in repr((found, logs))


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:80", "http://", "http://127.0.0.1/?a=1"])
async def test_an_address_that_is_none_stops_the_start(url):
    """Not the first record at night."""
    with pytest.raises(Misconfigured, match=r"platform\.url"):
        async with Gateway(gateway_settings(url), {}, profile=REPORTING):
            pytest.fail("opened")


async def test_a_missing_authority_file_stops_the_start(tmp_path):
    """The path is in the message; the file is somebody's typing error."""
    with pytest.raises(Misconfigured, match="nowhere"):
        async with gateway(1, ca_file=tmp_path / "nowhere.pem"):
            pytest.fail("opened")


async def test_a_dead_platform_is_asked_by_one_lane_at_a_time(platform):
    """Twelve lanes with their own back-off are still twelve times the load on a platform that is coming up."""
    clock = [100.0]
    platform.answers = [http(502)]
    breaker = breaker_settings(failures=3, first_wait_s=10.0, longest_wait_s=60.0)
    async with gateway(platform.port, breaker=breaker, now=lambda: clock[0]) as opened:
        with capture_logs() as logs:
            for lane in range(12):
                await opened.post(batch(), MSGID[:-2] + f"{lane:02}")
            assert (len(platform.requests), opened.phase) == (3, Phase.OPEN)
            assert Retry(cause=RetryCause.BREAKER_OPEN, after_s=10.0) == await opened.post(batch(), MSGID)
            clock[0] += 10.0
            probes = await asyncio.gather(*(opened.post(batch(), MSGID[:-2] + f"{lane:02}") for lane in range(12)))
            assert [RetryCause.SERVER_ERROR] == [each.cause for each in probes if each.cause is not RetryCause.BREAKER_OPEN]
            platform.answers = [said(200)]
            clock[0] += 20.0
            assert Accepted(code="200", repeated=False) == await opened.post(batch(), MSGID)
    assert opened.phase is Phase.CLOSED
    assert ["breaker_opened", "breaker_opened", "breaker_closed"] == [entry["event"] for entry in logs]
    opened_again, closed = logs[1:]
    assert ("server_error", 502, 20.0) == tuple(opened_again[name] for name in ("cause", "http_status", "probe_in_s"))
    assert opened_again["since"] == closed["since"] == logs[0]["since"]
    assert 30.0 == closed["open_s"]


@pytest.mark.parametrize("other", [{}, {"proxy": "http://clerk:secret@127.0.0.1:9"}])
async def test_who_is_called_at_night_sees_where_and_why_and_no_password(other):
    """A bare count of failures sends everybody to look at everything; a password would go to every collector of logs."""
    url = "http://clerk:secret@127.0.0.1:9/fsp"
    with capture_logs() as logs:
        async with gateway(9, url=url, breaker=breaker_settings(failures=1), **other) as opened:
            assert RetryCause.UNREACHABLE == (await opened.post(batch(), MSGID)).cause
    (told,) = logs
    assert ("breaker_opened", "unreachable", None) == tuple(told[name] for name in ("event", "cause", "http_status"))
    assert told["address"].startswith("127.0.0.1:9/fsp/")
    assert told["proxy"] == ("127.0.0.1:9" if other else "")
    assert told["error"]
    assert "secret" not in repr(logs)


async def test_a_lane_that_is_closed_during_the_probe_frees_it(platform):
    """A rebalance in that moment would leave the platform unasked for ever."""
    clock = [100.0]
    platform.answers = [http(502), silent, said(200)]
    async with gateway(platform.port, breaker=breaker_settings(failures=1), now=lambda: clock[0]) as opened:
        await opened.post(batch(), MSGID)
        clock[0] += 5.0
        probe = asyncio.create_task(opened.post(batch(), MSGID))
        for _ in range(2):
            await asyncio.wait_for(platform.arrived.get(), PATIENCE_S)
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        assert Accepted(code="200", repeated=False) == await opened.post(batch(), MSGID)


def conditions_of(opened, clock):
    board = Board()
    PlatformLook(opened, now=lambda: clock[0])(board)
    return board.conditions


async def test_a_worker_whose_requests_wait_by_a_rate_says_so(platform):
    """The platform is well, the worker is well, and little moves: nobody else could tell why."""
    clock = [100.0]
    platform.answers = [said(200)]
    limits = limit_settings(rate_per_s=0.1, burst=1, patience_s=1.0)
    async with gateway(platform.port, now=lambda: clock[0], limits=limits) as opened:
        await opened.post(batch(), MSGID)
        assert [] == conditions_of(opened, clock)
        assert Throttled(after_s=1.0) == await opened.post(batch(), MSGID[:-1] + "1")
        assert [Condition(Reason.LIMITED, "all")] == conditions_of(opened, clock)


async def test_when_the_platform_throttles_all_lanes_wait(platform):
    """A platform that says "later" to one lane means the hospital."""
    clock = [100.0]
    platform.answers = [http(429, Retry_After="8"), said(200)]
    async with gateway(platform.port, now=lambda: clock[0]) as opened:
        assert [] == conditions_of(opened, clock)
        await opened.post(batch(), MSGID)
        clock[0] += 3.0
        assert Throttled(after_s=5.0) == await opened.post(batch(), MSGID[:-1] + "1")
        assert [Condition(Reason.PLATFORM_THROTTLES, "1 times in a row")] == conditions_of(opened, clock)
        clock[0] += 5.0
        assert Accepted(code="200", repeated=False) == await opened.post(batch(), MSGID)
        assert [] == conditions_of(opened, clock)
    assert len(platform.requests) == 2


async def test_no_more_requests_than_agreed_reach_the_platform(platform):
    """Counted where it matters: at the platform."""

    async def slowly(writer):
        """When as many are there as may come."""
        await wait_for(lambda: platform.most >= 4)
        await asyncio.sleep(0.02)
        writer.write(said(200))
        await writer.drain()
        return True

    platform.answers = [slowly]
    codes = ("H36110200001", "H36110200002")
    limits = limit_settings(in_flight=5, in_flight_per_institution=2)
    async with gateway(platform.port, codes=codes, limits=limits) as opened:
        posts = [opened.post(batch(institution=code), f"{code}{number:020}") for number in range(10) for code in codes]
        assert {Accepted(code="200", repeated=False)} == set(await asyncio.gather(*posts))
    assert platform.most == 4


async def test_every_answer_is_told_once_to_whoever_counts(platform):
    """Metrics are counted in one place; what was not sent is no request."""
    told = []
    platform.answers = [said(200), http(429, Retry_After="60")]
    settings = gateway_settings(f"http://127.0.0.1:{platform.port}")
    institutions = {CODE: Institution(code=CODE, name="院", seal=Unsealed())}

    def note(found, seconds):
        told.append((type(found), seconds >= 0))

    async with Gateway(settings, institutions, profile=REPORTING, on_answer=note) as opened:
        for _ in range(3):
            await opened.post(batch(), MSGID)
    assert told == [(Accepted, True), (Throttled, True)]


@pytest.mark.parametrize("status", [429, 503])
async def test_no_date_that_a_platform_sends_ends_the_worker(platform, status):
    """A year that overflows would raise out of `post`: the worker ends, comes back and meets the same answer."""
    platform.answers = [http(status, Retry_After="Mon, 01 Jan 99999999999 00:00:00 GMT"), said(200)]
    now = [0.0]
    async with gateway(platform.port, now=lambda: now[0]) as opened:
        first = await opened.post(batch(), MSGID)
        now[0] = 400.0
        assert (Throttled if status == 429 else Retry) is type(first)
        assert Accepted(code="200", repeated=False) == await opened.post(batch(), MSGID)
