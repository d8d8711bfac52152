"""Cut, ids, gateway and bisecting together, against the strict simulator: each record accepted once, or found to be to blame."""

import asyncio
import random
from datetime import UTC, datetime
from hashlib import blake2b

import orjson
import pytest

from sandbox.platform import Fault, Kind, PlatformSettings, Simulator
from streams.deliver.gateway import Gateway
from streams.deliver.request import Institution
from streams.deliver.verdict import Accepted, Held, Refused, Retry, Throttled
from streams.domain.batch.cut import CutLimits, cut, halves
from streams.domain.batch.msgid import msgid, next_plan, plan_id
from streams.seal import Encoding, Sealer, parse_public_key, sealed_chars
from streams.spec.fields import ServiceCode
from streams.spec.profiles import REPORTING
from tests.settings import breaker_settings, gateway_settings
from tests.unit.streams.ready_records import ready_record

INSTITUTIONS = {"H36110200001": "第一人民医院", "H36110200002": "第二人民医院"}
LIMITS = CutLimits(max_chars=50_000, max_rows=100, sealed_chars=lambda n: sealed_chars(n, Encoding()))
HOSTILE = (
    Fault(kind=Kind.LOST, probability=0.15),
    Fault(kind=Kind.CUT, probability=0.1),
    Fault(kind=Kind.HTML, probability=0.1),
    Fault(kind=Kind.SYSTEM, probability=0.1),
    Fault(kind=Kind.ZERO, probability=0.05),
    Fault(kind=Kind.GATEWAY, probability=0.05),
    *(
        Fault(kind=Kind.CONTRADICTION, form=form, probability=0.02, judged=judged)
        for form in ("two_codes", "twice", "failure", "inside", "redirect", "deep", "partly", "later")
        for judged in (True, False)
    ),
    Fault(kind=Kind.CODE, probability=0.02, code=41000, judged=True),
    Fault(kind=Kind.STRING, probability=0.03),
    Fault(kind=Kind.LOGIN, probability=0.05),
    Fault(kind=Kind.UNAUTHORISED, probability=0.05, times=3),
)


def fee(number, institution, *, right):
    return {
        "BKKP_SN": f"F{number}",
        "MDTRT_ID": f"V{number // 9}",
        "FEE_OCUR_TIME": "2024-05-06 10:00:00",
        "SETL_ID": f"S{number // 9}",
        "FIXMEDINS_CODE": institution,
        "FIXMEDINS_NAME": INSTITUTIONS[institution],
        "PSN_NO": "P1",
        "PSN_INSU_RLTS_ID": "R1",
        "INSU_ADMDVS": "361102",
        "PAY_LOC": "2",
        "MED_TYPE": "11",
        "CNT": "2",
        "PRIC": "1.50",
        "DET_ITEM_FEE_SUMAMT": "3.00" if right else "9.99",
        "CHRGITM_LV": "01",
        "HILIST_CODE": "XA01",
        "HILIST_NAME": "药",
        "LIST_TYPE": "101",
        "MED_LIST_CODG": "XA01",
        "MEDINS_LIST_CODG": "A1",
        "MEDINS_LIST_NAME": "药",
        "MED_CHRGITM_TYPE": "09",
    }


def plan_of(size, *, wrong=frozenset()):
    records = []
    for number in range(1, size + 1):
        institution = sorted(INSTITUTIONS)[number // 9 % 2]
        value = orjson.dumps(fee(number, institution, right=number not in wrong))
        records.append(
            ready_record(
                number,
                key=f"V{number // 9}".encode(),
                value=value,
                partition=4,
                service=ServiceCode.FEE,
                institution=institution,
                infno="2204",
                record_key=f"F{number}",
                content_hash=blake2b(value, digest_size=16).hexdigest(),
            )
        )
    return records


class Sending:
    """One plan on its way, as a lane sends it: one request after the other, the same id until the outcome is known."""

    def __init__(self, gateway, plan):
        self.gateway, self.plan, self.refused, self.posts = gateway, plan, [], 0

    async def settle(self, node, batch):
        if await self.accepted(msgid(batch.institution, self.plan, node), batch):
            return
        if len(batch.records) == 1:
            self.refused.append(batch.records[0].number)
            return
        for half_node, half in halves(node, batch):
            await self.settle(half_node, half)

    async def accepted(self, message_id, batch):
        while True:
            self.posts += 1
            match await self.gateway.post(batch, message_id):
                case Accepted():
                    return True
                case Refused():
                    return False
                case Throttled() | Retry() | Held():
                    await asyncio.sleep(0.002 * random.random())


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_record_is_accepted_once_or_found_whatever_goes_wrong(tmp_path, seed):
    """The promise of the product, over lost answers, cut answers, proxies' pages and refusals in the middle of batches."""
    wrong = set(random.Random(seed).sample(range(1, 401), 7))
    simulator = Simulator(PlatformSettings(institutions=INSTITUTIONS, keys=tmp_path, faults=HOSTILE, seed=seed))
    url = await simulator.start()
    institutions = {
        code: Institution(code=code, name=name, seal=Sealer(parse_public_key(simulator.public_key(code).read_text()), Encoding()))
        for code, name in INSTITUTIONS.items()
    }
    settings = gateway_settings(url, timeout_s=5.0, breaker=breaker_settings(failures=50, first_wait_s=0.01))
    records = plan_of(400, wrong=wrong)
    try:
        async with Gateway(settings, institutions, profile=REPORTING) as gateway:
            sending = Sending(gateway, plan_id(next_plan(None, datetime(2024, 5, 6, 12, tzinfo=UTC)), 4, site="s1te"))
            batches = cut(records, LIMITS)
            for batch in batches:
                await sending.settle(batch.node, batch)
    finally:
        await simulator.stop()
    taken = [(entry.key, entry.hash) for entry in simulator.journal()]
    right = [record for record in records if record.number not in wrong]
    assert sorted(sending.refused) == sorted(wrong)
    assert sorted(taken) == sorted((record.record_key, record.content_hash) for record in right)
    assert sending.posts > len(batches) + len(wrong)
