"""Every fault of the simulator as a client meets it over HTTP, and that what it accepted meanwhile is known."""

import asyncio
import time
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime

import aiohttp
import orjson
import pytest

from sandbox.platform import Fault, Kind, PlatformSettings, Simulator
from sandbox.platform.faults import PROFILES
from streams.testing import wait_for
from tests.patience import PATIENCE_S

HOSPITAL = "H36110200001"
RECORD = {
    "SETL_ID": "S1",
    "MDTRT_ID": "V1",
    "PSN_NAME": "甲",
    "PSN_CERT_TYPE": "01",
    "CERTNO": "X",
    "GEND": "1",
    "BRDY": "1938-10-05",
    "AGE": "85",
    "PSN_TYPE": "11",
    "FIXMEDINS_CODE": HOSPITAL,
    "FIXMEDINS_NAME": "第一人民医院",
    "SETL_TIME": "2024-05-06 11:00:00",
    "MEDFEE_SUMAMT": "1",
    "FULAMT_OWNPAY_AMT": "0",
    "OVERLMT_SELFPAY": "0",
    "PRESELFPAY_AMT": "0",
    "INSCP_AMT": "1",
    "HIFP_PAY": "0",
    "POOL_PROP_SELFPAY": "0.5",
    "FUND_PAY_SUMAMT": "0",
    "PSN_PAY": "1",
    "ACCT_PAY": "0",
    "CRTE_TIME": "2024-05-06 11:00:00",
}


class Client:
    """Posts one right settlement batch in plain form; every post has a msgid of its own unless one is given."""

    def __init__(self, simulator, http):
        self.simulator, self.http, self._next = simulator, http, 0

    def post(self, msgid=None):
        self._next += 1
        body = {
            "infno": "2207",
            "msgid": msgid or f"{HOSPITAL}{self._next:020}",
            "fixmedins_code": HOSPITAL,
            "fixmedins_name": "第一人民医院",
            "data": orjson.dumps([{**RECORD, "SETL_ID": f"S{self._next}"}]).decode(),
        }
        url = f"{self.simulator.url}/metadata/receive/setl_d"
        return self.http.post(url, json=body, timeout=aiohttp.ClientTimeout(total=PATIENCE_S))

    async def body(self, msgid=None):
        async with self.post(msgid) as response:
            return response.status, await response.json(content_type=None)

    def accepted(self):
        return len(list(self.simulator.journal()))


@asynccontextmanager
async def running(folder, *faults, **settings):
    settings = {"plain_allowed": True, "faults": faults, **settings}
    simulator = Simulator(PlatformSettings(institutions={HOSPITAL: "第一人民医院"}, keys=folder, **settings))
    await simulator.start()
    try:
        async with aiohttp.ClientSession() as http:
            yield Client(simulator, http)
    finally:
        await simulator.stop()


@pytest.mark.parametrize("judged", [True, False])
async def test_a_lost_answer_may_or_may_not_have_been_accepted(tmp_path, judged):
    """The unknown outcome: the same msgid again tells 40005 if it was accepted, 200 if not."""
    async with running(tmp_path, Fault(kind=Kind.LOST, times=1, judged=judged)) as client:
        with pytest.raises(aiohttp.ClientError):
            await client.body(HOSPITAL + "once")
        assert client.accepted() == judged
        assert await client.body(HOSPITAL + "once") == (200, {"code": 40005 if judged else 200} | _text(judged))


def _text(repeated):
    return {"message": "请勿重复提交" if repeated else "成功"}


async def test_a_late_answer_is_accepted_before_the_client_gives_up(tmp_path):
    """The other unknown outcome: the platform has it and the client has a time-out."""
    async with running(tmp_path, Fault(kind=Kind.LATE, times=1, delay_s=30)) as client:
        given_up = asyncio.ensure_future(client.body(HOSPITAL + "once"))
        await wait_for(lambda: client.accepted() == 1)
        assert not given_up.done()
        given_up.cancel()
        assert (await client.body(HOSPITAL + "once"))[1]["code"] == 40005


async def test_an_answer_that_breaks_off_cannot_be_read(tmp_path):
    """Half a JSON object is no answer; the batch is accepted all the same."""
    async with running(tmp_path, Fault(kind=Kind.CUT, times=1)) as client:
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.body()
        assert client.accepted() == 1


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (Fault(kind=Kind.SYSTEM), 200, {"code": 50000, "message": "系统错误"}),
        (Fault(kind=Kind.UNAUTHORISED), 200, {"code": 40002, "message": "授权信息有误"}),
        (Fault(kind=Kind.WRONG_KEY), 200, {"code": 40006, "message": "解密失败"}),
        (Fault(kind=Kind.GATEWAY), 200, {"errcode": "ACG.1401", "errmsg": "网关转发失败"}),
        (Fault(kind=Kind.ZERO), 200, {"code": 0, "err_msg": "数据处理异常,请稍后重试"}),
        (Fault(kind=Kind.CODE, code=7), 200, {"code": 7, "message": "机构信息未备案"}),
        (Fault(kind=Kind.CONTRADICTION, form="inside"), 200, {"code": 200, "data": {"code": 40003}}),
    ],
    ids=lambda value: str(value.kind) if isinstance(value, Fault) else "",
)
async def test_a_fault_answers_in_its_own_words_and_accepts_nothing(tmp_path, fault, status, body):
    """What is not accepted must not be in the journal, whatever was answered."""
    async with running(tmp_path, fault) as client:
        assert await client.body() == (status, body)
        assert client.accepted() == 0
        assert client.simulator.stats()["by_fault"] == {str(fault.kind): 1}


async def test_a_system_error_may_hide_an_acceptance(tmp_path):
    """50000 says nothing about what was stored before the error."""
    async with running(tmp_path, Fault(kind=Kind.SYSTEM, judged=True)) as client:
        assert (await client.body())[1]["code"] == 50000
        assert client.accepted() == 1


@pytest.mark.parametrize("fault", [Fault(kind=Kind.HTTP, status=502), Fault(kind=Kind.OUTAGE)], ids=lambda fault: str(fault.kind))
async def test_an_http_error_comes_with_a_status_member_that_is_no_code(tmp_path, fault):
    """A framework's error page has `"status": 502`: whoever reads codes from `status` must look at HTTP first."""
    async with running(tmp_path, fault) as client:
        status, body = await client.body()
        assert status == body["status"] == (502 if fault.kind is Kind.HTTP else 503)


async def test_a_page_comes_with_http_200(tmp_path):
    """A proxy's maintenance page looks like success to whoever reads the status only."""
    async with running(tmp_path, Fault(kind=Kind.HTML)) as client, client.post() as response:
        assert (response.status, response.content_type) == (200, "text/html")
        assert "<html>" in await response.text()


async def test_throttling_tells_when_to_come_back_in_both_forms(tmp_path):
    """Retry-After is seconds or an HTTP date (RFC 9110 §10.2.3), or absent."""
    faults = [Fault(kind=Kind.THROTTLED, times=1, retry_after_s=3, form=form) for form in ("seconds", "date", "none")]
    async with running(tmp_path, *faults) as client:
        answers = []
        for _ in faults:
            async with client.post() as response:
                answers.append((response.status, response.headers.get("Retry-After")))
    assert [status for status, _ in answers] == [429] * 3
    assert answers[0][1] == "3"
    assert parsedate_to_datetime(answers[1][1]).tzinfo is not None
    assert answers[2][1] is None


async def test_codes_come_under_every_name_as_number_or_text(tmp_path):
    """The interface leaves the answer's form open."""
    faults = [Fault(kind=Kind.SHAPE, times=1, form=form) for form in ("infcode/text", "status", "resultCode/text", "code/text")]
    async with running(tmp_path, *reversed(faults)) as client:
        client.simulator.clear_faults()
        bodies = []
        for fault in faults:
            client.simulator.add_faults((fault,))
            bodies.append((await client.body())[1])
    names = [{name: value for name, value in body.items() if name not in {"message", "err_msg"}} for body in bodies]
    assert names == [{"infcode": "200"}, {"status": 200}, {"resultCode": "200"}, {"code": "200"}]


async def test_slowness_delays_but_changes_nothing(tmp_path):
    """A slow platform is the normal one."""
    async with running(tmp_path, Fault(kind=Kind.SLOW, delay_s=0.2)) as client:
        started = asyncio.get_running_loop().time()
        assert (await client.body())[1]["code"] == 200
        assert asyncio.get_running_loop().time() - started >= 0.2


async def test_during_an_outage_connections_may_be_aborted(tmp_path):
    """A platform that restarts behind its load balancer."""
    async with running(tmp_path, Fault(kind=Kind.OUTAGE, form="reset", times=1)) as client:
        with pytest.raises(aiohttp.ClientError):
            await client.body()
        assert (await client.body())[1]["code"] == 200


async def test_during_an_outage_nobody_may_listen_and_then_the_same_port_answers_again(tmp_path):
    """The senders keep the URL: after the outage they must be served there."""
    async with running(tmp_path) as client:
        assert (await client.body())[1]["code"] == 200
        client.simulator.add_faults((Fault(kind=Kind.OUTAGE, form="refuse", for_s=4),))
        with pytest.raises(aiohttp.ClientError):  # the connection that is open
            await client.body()
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.body()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    status, body = await client.body()
                    break
                except aiohttp.ClientConnectorError:
                    await asyncio.sleep(0.05)
        assert (status, body["code"]) == (200, 200)


async def test_outages_that_overlap_end_when_the_last_one_does(tmp_path):
    """A test that asks for a second outage during a first one must get both, and a platform again after them."""
    async with running(tmp_path) as client:
        assert (await client.body())[1]["code"] == 200
        began = time.monotonic()
        client.simulator.add_faults(
            (Fault(kind=Kind.OUTAGE, form="refuse", for_s=2), Fault(kind=Kind.OUTAGE, form="refuse", from_s=1.5, for_s=2.5))
        )
        with pytest.raises(aiohttp.ClientError):  # the connection that is open
            await client.body()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    status, body = await client.body()
                    break
                except aiohttp.ClientConnectorError:
                    await asyncio.sleep(0.02)
        assert (status, body["code"]) == (200, 200)
        assert time.monotonic() - began >= 4.0


async def test_faults_can_be_set_listed_and_cleared_while_it_runs(tmp_path):
    """A chaos test switches the platform's mood by HTTP."""
    async with running(tmp_path) as client:
        url = f"{client.simulator.url}/_sim/faults"
        async with client.http.post(url, json={"kind": "system_error", "for_s": 60}) as response:
            assert await response.json() == {"faults": [{"kind": "system_error", "for_s": 60.0}]}
        assert (await client.body())[1]["code"] == 50000
        async with client.http.post(url, json={"faults": [{"kind": "html"}], "replace": True}) as response:
            assert await response.json() == {"faults": [{"kind": "html"}]}
        async with client.http.delete(url) as response:
            assert await response.json() == {"faults": []}
        assert (await client.body())[1]["code"] == 200
        async with client.http.post(url, json={"profile": "demo"}) as response:
            assert len((await response.json())["faults"]) == 6


@pytest.mark.parametrize(
    "order",
    [
        {"kind": "hmtl"},
        {"kind": "html", "chance": 1},
        {"profile": "mild"},
        {"kind": "outage", "form": "refuse"},
        [],
        {"faults": [1]},
    ],
)
async def test_an_order_that_is_not_understood_changes_nothing(tmp_path, order):
    """A chaos test with a mistyped fault would prove nothing."""
    async with running(tmp_path) as client, client.http.post(f"{client.simulator.url}/_sim/faults", json=order) as response:
        assert response.status == 400
        assert (await response.json())["error"]
        assert client.simulator.stats()["by_fault"] == {}


async def test_the_hostile_profile_loses_and_doubles_nothing_for_a_client_that_keeps_its_msgids(tmp_path):
    """The simulator's own books must balance under everything at once: each msgid accepted once or not at all."""
    quick = tuple(fault for fault in PROFILES["hostile"] if fault.for_s is None and fault.kind not in {Kind.LATE, Kind.SLOW})
    async with running(tmp_path, *quick, seed=11) as client:
        for number in range(60):
            await _until_done(client, f"{HOSPITAL}{number:08}")
        stats = client.simulator.stats()
    assert stats["accepted_records"] == 60
    assert len({entry.msgid for entry in client.simulator.journal()}) == 60
    assert stats["posts"] > 60


async def _until_done(client, msgid):
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                status, body = await client.body(msgid)
            except (aiohttp.ClientError, orjson.JSONDecodeError, ValueError):
                continue
            codes = {str(body.get(name)) for name in ("code", "infcode", "status", "resultCode")}
            if status == 200 and codes & {"200", "40005"}:
                return
