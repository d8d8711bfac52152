"""The simulator over real HTTP with really sealed batches: what every end-to-end test believes when it says "accepted"."""

import asyncio
from contextlib import asynccontextmanager
from hashlib import blake2b

import aiohttp
import orjson
import pytest
from structlog.testing import capture_logs

from sandbox.platform import PlatformSettings, Simulator
from streams.errors import Misconfigured
from streams.seal import ENCODINGS, Encoding, Order, SealedText, Sealer, generate_key_pair, parse_public_key

HOSPITAL, CLINIC, PHARMACY = "H36110200001", "H36110200002", "P36110200003"
INSTITUTIONS = {HOSPITAL: "第一人民医院", CLINIC: "第二人民医院", PHARMACY: "便民大药房"}
INFNO = {"mdtrt_d": "2201", "setl_d": "2207", "fee_list_d": "2204"}


def fee(key="F1", **changes):
    record = {
        "BKKP_SN": key,
        "MDTRT_ID": "V1",
        "FEE_OCUR_TIME": "2024-05-06 10:00:00",
        "SETL_ID": "S1",
        "FIXMEDINS_CODE": HOSPITAL,
        "FIXMEDINS_NAME": "第一人民医院",
        "PSN_NO": "P1",
        "PSN_INSU_RLTS_ID": "R1",
        "INSU_ADMDVS": "361102",
        "PAY_LOC": "2",
        "MED_TYPE": "11",
        "CNT": "2",
        "PRIC": "1.50",
        "DET_ITEM_FEE_SUMAMT": "3.00",
        "CHRGITM_LV": "01",
        "HILIST_CODE": "XA01",
        "HILIST_NAME": "药",
        "LIST_TYPE": "101",
        "MED_LIST_CODG": "XA01",
        "MEDINS_LIST_CODG": "A1",
        "MEDINS_LIST_NAME": "药",
        "MED_CHRGITM_TYPE": "09",
    }
    return {**record, **changes}


def settlement(key="S1", amount="10.00", **changes):
    record = {
        "SETL_ID": key,
        "MDTRT_ID": "V1",
        "PSN_NAME": "张三丰",
        "PSN_CERT_TYPE": "01",
        "CERTNO": "51010219381005541X",
        "GEND": "1",
        "BRDY": "1938-10-05",
        "AGE": "85",
        "PSN_TYPE": "11",
        "FIXMEDINS_CODE": HOSPITAL,
        "FIXMEDINS_NAME": "第一人民医院",
        "SETL_TIME": "2024-05-06 11:00:00",
        "MEDFEE_SUMAMT": amount,
        "FULAMT_OWNPAY_AMT": "0",
        "OVERLMT_SELFPAY": "0",
        "PRESELFPAY_AMT": "0",
        "INSCP_AMT": amount,
        "HIFP_PAY": "0",
        "POOL_PROP_SELFPAY": "0.5",
        "FUND_PAY_SUMAMT": "0",
        "PSN_PAY": amount,
        "ACCT_PAY": "0",
        "CRTE_TIME": "2024-05-06 11:00:00",
    }
    return {**record, **changes}


def array(*records):
    return b"[" + b",".join(map(orjson.dumps, records)) + b"]"


class Sender:
    """Posts as a hospital would, with each part replaceable."""

    def __init__(self, simulator, http):
        self.simulator, self.http, self._next = simulator, http, 0

    def msgid(self, institution=HOSPITAL):
        self._next += 1
        return f"{institution}{self._next:020}"

    def seal(self, plain, institution=HOSPITAL):
        key = parse_public_key(self.simulator.public_key(institution).read_text())
        return Sealer(key, self.simulator.settings.encoding).seal(plain)

    async def post(self, plain=None, *, service="fee_list_d", institution=HOSPITAL, **changes):
        envelope = {
            "infno": INFNO.get(service, "2204"),
            "msgid": changes.pop("msgid", None) or self.msgid(institution),
            "fixmedins_code": institution,
            "fixmedins_name": INSTITUTIONS.get(institution, "无名"),
            "data": changes.pop("data", None) or self.seal(plain, institution),
            **changes,
        }
        async with self.http.post(f"{self.simulator.url}/metadata/receive/{service}", json=envelope) as response:
            assert response.status == 200
            return (await response.json())["code"]


@asynccontextmanager
async def platform(folder, **settings):
    """A running simulator and a sender for it."""
    simulator = Simulator(PlatformSettings(institutions=INSTITUTIONS, keys=folder / "keys", **settings))
    await simulator.start()
    try:
        async with aiohttp.ClientSession() as http:
            yield Sender(simulator, http)
    finally:
        await simulator.stop()


@pytest.fixture
async def sender(tmp_path):
    async with platform(tmp_path) as ready:
        yield ready


async def test_a_right_batch_is_accepted_and_in_the_journal(sender):
    """200 and the journal must say the same, with the hash over the very bytes that were sealed."""
    records = [orjson.dumps(fee("F1")), orjson.dumps(fee("F2"))]
    assert await sender.post(b"[" + b",".join(records) + b"]") == 200
    entries = list(sender.simulator.journal())
    assert [(entry.n, entry.key) for entry in entries] == [(1, "F1"), (2, "F2")]
    assert [entry.hash for entry in entries] == [blake2b(record, digest_size=16).hexdigest() for record in records]


async def test_all_other_codes_are_answered(sender):
    """A client that never met a code has no proven reaction to it."""
    good = array(fee())
    assert await sender.post(array(fee(DET_ITEM_FEE_SUMAMT="9.99"))) == 40000
    assert await sender.post(b'{"BKKP_SN":"F1"}') == 40001
    assert await sender.post(good, institution=CLINIC, fixmedins_name="别的医院") == 40002
    assert await sender.post(array(fee(CNT="two"))) == 40003
    assert await sender.post(good, service="fee_list") == 40004
    msgid = sender.msgid()
    assert await sender.post(good, msgid=msgid) == 200
    assert await sender.post(good, msgid=msgid) == 40005
    other = Sealer(generate_key_pair().public, Encoding()).seal(good)
    assert await sender.post(data=other) == 40006
    codes = sender.simulator.stats()["by_code"]
    assert codes == {"200": 1, "40000": 1, "40001": 1, "40002": 1, "40003": 1, "40004": 1, "40005": 1, "40006": 1}


async def test_an_institution_that_is_not_registered_is_not_authorised(sender):
    """40002 is a fault of configuration: the sender must hold, not dead-letter."""
    assert await sender.post(data="00", institution="H36110299999") == 40002


async def test_one_institutions_key_does_not_open_anothers_batch(sender):
    """Keys are issued per institution (§2.3.3): mixing them up must show."""
    sealed = sender.seal(array(fee(FIXMEDINS_CODE=CLINIC)), HOSPITAL)
    assert await sender.post(data=sealed, institution=CLINIC) == 40006


async def test_damaged_text_is_told_from_a_wrong_key(sender):
    """40001 refuses content, 40006 holds the lane: which damage gives which is promised in the package's description."""
    sealed = sender.seal(array(fee()))
    assert await sender.post(data=sealed[:-1]) == 40001
    assert await sender.post(data="03" + sealed[2:]) == 40001
    assert await sender.post(data=sealed[:190]) == 40001
    assert await sender.post(data="x" + sealed[1:]) == 40001
    assert await sender.post(data=sealed[:-2]) == 40006
    assert await sender.post(data=sealed[:-1] + ("0" if sealed[-1] != "0" else "1")) == 40006
    assert await sender.post(data=sealed[:20] + ("0" if sealed[20] != "0" else "1") + sealed[21:]) == 40006


async def test_plain_data_is_unreadable_unless_it_is_allowed(sender, tmp_path):
    """A platform that demands encryption must not take plain data by accident; one that allows it takes the array as it is."""
    plain = array(fee()).decode()
    assert await sender.post(data=plain) == 40001
    async with platform(tmp_path / "open", plain_allowed=True) as other:
        assert await other.post(data=plain) == 200
        assert await other.post(array(fee("F2"))) == 200


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
async def test_every_encoding_opens_where_it_is_the_agreed_one(tmp_path, encoding):
    """Eight layouts exist in the field; the sender's and the platform's code share none of theirs."""
    async with platform(tmp_path, encoding=encoding) as other:
        assert await other.post(array(fee())) == 200


@pytest.mark.parametrize(
    ("encoding", "code"),
    [
        (Encoding(order=Order.C1C2C3), 40006),
        (Encoding(prefix=False), 40001),
        (Encoding(text=SealedText.BASE64), 40001),
    ],
    ids=str,
)
async def test_another_encoding_than_the_agreed_one_does_not_open(sender, encoding, code):
    """The first day at a new platform is spent on exactly this."""
    key = parse_public_key(sender.simulator.public_key(HOSPITAL).read_text())
    sealed = Sealer(key, encoding).seal(array(fee()))
    # Without the 04 the first byte is the point's own: one text in 256 begins with 04 by chance.
    while not encoding.prefix and sealed.startswith("04"):
        sealed = Sealer(key, encoding).seal(array(fee()))
    assert await sender.post(data=sealed) == code


async def test_sealed_data_may_have_exactly_50000_characters(sender):
    """§3.2.1: 24,903 plain bytes are the most, one more is 50,002 characters."""
    lines = [fee(f"F{number}", HILIST_NAME="药" * 100) for number in range(25)]
    spare = 24_903 - len(array(*lines))
    assert spare > 0
    lines += [fee(f"F{25 + number}") for number in range(spare // (len(array(fee("F25"))) - 1))]
    spare = 24_903 - len(array(*lines))
    assert spare >= 0
    padded = array(*lines)[:-1] + b" " * spare + b"]"
    assert len(sender.seal(padded)) == 50_000
    assert await sender.post(padded) == 200
    assert len(sender.seal(padded + b" ")) == 50_002
    assert await sender.post(padded + b" ") == 40003


async def test_a_msgid_is_accepted_once_even_when_posted_twice_at_the_same_moment(sender):
    """A sender that timed out posts again while the first is still being opened: only one of them may count."""
    msgid, data = sender.msgid(), sender.seal(array(fee()))
    codes = await asyncio.gather(*(sender.post(data=data, msgid=msgid) for _ in range(8)))
    assert sorted(codes) == [200] + [40005] * 7
    assert len(list(sender.simulator.journal())) == 1


async def test_a_used_msgid_is_said_whatever_comes_under_it(sender):
    """A sender that changed content under an old msgid must hear 40005, not an opinion about the content."""
    msgid = sender.msgid()
    assert await sender.post(array(fee()), msgid=msgid) == 200
    assert await sender.post(array(fee(CNT="x")), msgid=msgid) == 40005


async def test_a_refused_msgid_is_judged_again_unless_the_platform_remembers(tmp_path):
    """Both platforms exist: after one of them a 40005 proves nothing."""
    bad, good = array(fee(CNT="x")), array(fee())
    async with platform(tmp_path) as lenient:
        msgid = lenient.msgid()
        assert [await lenient.post(bad, msgid=msgid), await lenient.post(good, msgid=msgid)] == [40003, 200]
    async with platform(tmp_path, remember_refused=True) as strict:
        msgid = strict.msgid()
        assert [await strict.post(bad, msgid=msgid), await strict.post(good, msgid=msgid)] == [40003, 40005]


async def test_a_platform_that_forgets_accepts_the_same_msgid_again(tmp_path):
    """40005 cannot be relied on for ever: the sender has to know by itself what it delivered."""
    async with platform(tmp_path, forget_accepted_after_s=-1) as forgetful:
        msgid, good = forgetful.msgid(), array(fee())
        assert [await forgetful.post(good, msgid=msgid), await forgetful.post(good, msgid=msgid)] == [200, 200]
        assert forgetful.simulator.stats()["same_msgid_again"] == 1


async def test_frozen_items_and_the_share_rule_refuse_whole_batches(tmp_path):
    """The reason to bisect: one record of many, and no word about which."""
    async with platform(tmp_path, frozen_items=frozenset({"XB02"}), refuse_percent=0) as strict:
        assert await strict.post(array(fee("F1"), fee("F2", HILIST_CODE="XB02"), fee("F3"))) == 40000
        assert await strict.post(array(fee("F1"), fee("F3"))) == 200
    async with platform(tmp_path, refuse_percent=100) as wall:
        assert await wall.post(array(fee())) == 40000


async def test_sending_twice_and_sending_out_of_order_are_counted(sender):
    """These counts must be 0 in every chaos test: they have to be able to rise."""
    assert await sender.post(array(fee())) == 200
    assert await sender.post(array(fee())) == 200
    assert await sender.post(array(settlement()), service="setl_d") == 200
    stats = sender.simulator.stats()
    assert (stats["doubled"], stats["doubled_unchanged"]) == (1, 1)
    assert stats["order_violations"] == {
        "total": 3,
        "fee_list_d before mdtrt_d": 1,
        "fee_list_d before setl_d": 1,
        "setl_d before mdtrt_d": 1,
    }


async def test_a_platform_that_looks_for_parents_refuses_what_comes_before_them(tmp_path):
    """As the real one may: a line whose settlement it does not know is nobody's money. A pharmacy's sale needs no visit."""
    async with platform(tmp_path, refuse_orphans=True) as strict:
        of = {"FIXMEDINS_CODE": PHARMACY, "FIXMEDINS_NAME": "便民大药房"}
        sale = {"setl_d": array(settlement(**of)), "fee_list_d": array(fee(**of))}
        steps = ["fee_list_d", "setl_d", "fee_list_d"]
        assert [40000, 200, 200] == [await strict.post(sale[step], service=step, institution=PHARMACY) for step in steps]
        assert [40000, 40000] == [await strict.post(array(settlement()), service="setl_d"), await strict.post(array(fee()))]
        stats = strict.simulator.stats()
        orphans = {"fee_list_d SETL_ID ORPHAN": 1, "setl_d MDTRT_ID ORPHAN": 1, "fee_list_d MDTRT_ID ORPHAN": 1}
        assert (orphans, {"total": 0}) == (stats["by_finding"], stats["order_violations"])


async def test_a_correction_counts_as_one_and_the_last_amount_stands(sender):
    """Reconciliation compares sums of what is valid now, not of everything ever sent. A change back is no double."""
    for amount in ("10.00", "12.50", "10.00"):
        assert await sender.post(array(settlement(amount=amount), settlement("S2", "-1.00")), service="setl_d") == 200
    stats = sender.simulator.stats()
    assert stats["amounts"] == {HOSPITAL: "9.00"}
    assert (stats["corrections"], stats["doubled"], stats["doubled_unchanged"]) == (1, 3, 2)


async def test_a_pharmacy_owes_no_visit(sender):
    """§3.3.3 binds hospitals only."""
    record = settlement(FIXMEDINS_CODE=PHARMACY, FIXMEDINS_NAME="便民大药房")
    assert await sender.post(array(record), service="setl_d", institution=PHARMACY) == 200
    assert sender.simulator.stats()["order_violations"] == {"total": 0}


async def test_the_journal_can_be_followed_over_http(sender):
    """Another process reads what is new since its last look; the records themselves only when it asks."""
    await sender.post(array(settlement("S1"), settlement("S2")), service="setl_d")

    async def journal(query):
        async with sender.http.get(f"{sender.simulator.url}/_sim/journal{query}") as response:
            return [orjson.loads(line) for line in (await response.read()).splitlines()]

    assert [entry["key"] for entry in await journal("")] == ["S1", "S2"]
    (second,) = await journal("?since=1")
    assert (second["n"], second["service"], second["institution"], second["infno"]) == (2, "setl_d", HOSPITAL, "2207")
    assert "value" not in second
    (with_value,) = await journal("?since=1&values=1")
    assert with_value["value"] == orjson.dumps(settlement("S2")).decode()


async def test_what_was_accepted_outlives_a_restart(tmp_path):
    """A platform that lost its msgids in a crash would accept everything again and blame the sender."""
    journal = tmp_path / "journal.jsonl"
    async with platform(tmp_path, journal=journal) as before:
        msgid, data = before.msgid(), before.seal(array(settlement("S1"), settlement("S2")))
        assert await before.post(data=data, msgid=msgid, service="setl_d") == 200
        stats = before.simulator.stats()
    with journal.open("ab") as file:
        file.write(journal.read_bytes().splitlines(keepends=True)[0] + b'{"n":4,"msg')
    async with platform(tmp_path, journal=journal) as after:
        assert await after.post(data=data, msgid=after.msgid(), service="setl_d") == 40005
        for name in ("accepted", "amounts", "accepted_records", "distinct_records"):
            assert after.simulator.stats()[name] == stats[name]
        assert await after.post(array(settlement("S3")), service="setl_d") == 200
    assert [orjson.loads(line)["n"] for line in journal.read_bytes().splitlines()] == [1, 2, 3]


async def test_a_stopped_platform_starts_again_where_it_was_and_keeps_its_books(tmp_path):
    """A restart in the middle of a chaos test: same URL, same msgids, and the file goes on."""
    journal = tmp_path / "journal.jsonl"
    async with platform(tmp_path, journal=journal) as each:
        url, msgid, data = each.simulator.url, each.msgid(), each.seal(array(fee()))
        assert await each.post(data=data, msgid=msgid) == 200
        await each.simulator.stop()
        assert await each.simulator.start() == url
        assert await each.post(data=data, msgid=msgid) == 40005
        assert await each.post(array(fee("F2"))) == 200
    assert [orjson.loads(line)["key"] for line in journal.read_bytes().splitlines()] == ["F1", "F2"]


async def test_what_is_not_announced_as_json_is_not_read(sender):
    """A web framework answers 415 before the platform's own code sees the body."""
    url = f"{sender.simulator.url}/metadata/receive/fee_list_d"
    async with sender.http.post(url, data=b"{}", headers={"Content-Type": "text/plain"}) as response:
        assert response.status == 415


async def test_a_defect_of_the_simulator_is_a_system_error_and_its_log_holds_no_record(sender, monkeypatch):
    """50000 keeps a sender trying; a traceback with local variables would show patients."""

    def broken(*_, **__):
        raise ValueError("张三丰")

    monkeypatch.setattr("sandbox.platform.reception.split_rows", broken)
    with capture_logs() as events:
        assert await sender.post(array(settlement()), service="setl_d") == 50000
    assert [event["event"] for event in events] == ["judgement_failed"]
    assert "张三丰" not in str(events)


async def test_a_file_that_is_no_journal_is_not_overwritten(tmp_path):
    """A mistyped path must not cost somebody a file."""
    journal = tmp_path / "notes.txt"
    journal.write_text("my notes\n")
    with pytest.raises(Misconfigured, match="not a journal"):
        Simulator(PlatformSettings(institutions=INSTITUTIONS, keys=tmp_path / "keys", journal=journal))
    assert journal.read_text() == "my notes\n"


async def test_a_port_in_use_is_said(sender, tmp_path):
    """The person who started it twice reads what to do."""
    port = int(sender.simulator.url.rsplit(":", 1)[1])
    second = Simulator(PlatformSettings(institutions=INSTITUTIONS, keys=tmp_path / "other", port=port))
    with pytest.raises(Misconfigured, match=str(port)):
        await second.start()


async def test_keys_survive_a_restart_and_are_private(tmp_path):
    """The sender keeps the public key: a platform with a new pair would open nothing."""
    public = []
    for _ in range(2):
        async with platform(tmp_path) as each:
            public.append(each.simulator.public_key(HOSPITAL).read_text())
    assert public[0] == public[1]
    private = [each.simulator.settings.keys / f"{code}.key" for code in INSTITUTIONS]
    assert [path.stat().st_mode & 0o077 for path in private] == [0, 0, 0]


async def test_nothing_of_a_person_reaches_the_logs(tmp_path):
    """The simulator runs in demonstrations next to real screens."""
    with capture_logs() as events:
        async with platform(tmp_path) as each:
            await each.post(array(settlement()), service="setl_d")
            await each.post(array(settlement("S2", BRDY="x")), service="setl_d")
    assert events
    assert not any(text in str(events) for text in ("张三丰", "51010219381005541X", "1938"))


async def test_processes_open_as_well_as_the_thread(tmp_path):
    """Load tests on bigger machines move the arithmetic out of the loop's process."""
    async with platform(tmp_path, opener_processes=1) as each:
        assert await each.post(array(fee())) == 200
        assert await each.post(data=Sealer(generate_key_pair().public, Encoding()).seal(array(fee()))) == 40006
