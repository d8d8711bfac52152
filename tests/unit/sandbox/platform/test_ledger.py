"""The books of the simulator: what it says it accepted is what tests compare with the hospital's database."""

import json

import pytest

from sandbox.platform import read_institutions
from sandbox.platform.control import is_loopback
from sandbox.platform.envelope import Envelope
from sandbox.platform.journal import Journal, read_entry
from sandbox.platform.keys import issue_keys
from sandbox.platform.ledger import Ledger
from sandbox.platform.rows import Row
from streams.errors import Misconfigured
from streams.seal import generate_key_pair
from streams.spec.fields import ServiceCode
from streams.spec.interface import SERVICES

HOSPITAL = "H36110200001"


def accept(ledger, msgid, *records, service=ServiceCode.SETTLEMENT, now_ms=1_700_000_000_123):
    envelope = Envelope(service=service, infno="2207", msgid=msgid, institution=HOSPITAL, name="院", data="")
    rows = [Row(text=json.dumps(record), values=record) for record in records]
    return ledger.accept(envelope, rows, service=SERVICES[service], now_ms=now_ms)


def settlement(key, amount="1.00", **more):
    return {"SETL_ID": key, "MDTRT_ID": "V1", "MEDFEE_SUMAMT": amount, **more}


def test_an_entry_survives_being_written_and_read():
    """The file is the only memory after a crash: to the millisecond, without the record itself."""
    journal = Journal()
    accept(Ledger(journal), "m1", settlement("S1"))
    (entry,) = journal.entries
    line = entry.line()
    assert b"MDTRT_ID" not in line
    again = read_entry(line)
    assert again.line() == line
    assert (again.at_ms, again.value) == (1_700_000_000_123, None)


def test_sums_follow_the_last_content_of_each_key():
    """A corrected settlement replaces its amount: the sum is the platform's, as a clerk would see it."""
    ledger = Ledger(Journal())
    accept(ledger, "m1", settlement("S1", "0.10"), settlement("S2", "0.20"))
    accept(ledger, "m2", settlement("S1", "-5.00"))
    assert ledger.stats()["amounts"] == {HOSPITAL: "-4.80"}


def test_a_change_back_is_no_double_sending():
    """A, B, A under three msgids is what happened in the hospital; A, A is a fault of the sender."""
    ledger = Ledger(Journal())
    for msgid, amount in (("m1", "1"), ("m2", "2"), ("m3", "1"), ("m4", "1")):
        accept(ledger, msgid, settlement("S1", amount))
    stats = ledger.stats()
    assert (stats["doubled"], stats["doubled_unchanged"], stats["corrections"]) == (2, 1, 1)


def test_a_record_is_out_of_order_only_at_its_first_acceptance():
    """A correction of an old settlement owes nothing to anybody."""
    ledger = Ledger(Journal())
    accept(ledger, "m1", settlement("S1"))
    accept(ledger, "m2", {"MDTRT_ID": "V1"}, service=ServiceCode.VISIT)
    accept(ledger, "m3", settlement("S1", "2"), settlement("S2"))
    accept(ledger, "m4", {"BKKP_SN": "F1", "MDTRT_ID": "V1", "SETL_ID": "S9"}, service=ServiceCode.FEE)
    assert ledger.stats()["order_violations"] == {"total": 2, "fee_list_d before setl_d": 1, "setl_d before mdtrt_d": 1}


def test_a_refund_is_out_of_order_before_its_line():
    """A refund of what was never charged would pay out money (R9)."""
    ledger = Ledger(Journal())
    visit = {"MDTRT_ID": "V1", "MED_LIST_CODG": "M1"}
    for msgid, line, amount in (("m2", "F2", "-1.00"), ("m3", "F1", "1.00"), ("m4", "F3", "-1.00")):
        record = {"BKKP_SN": line, "SETL_ID": "S1", "DET_ITEM_FEE_SUMAMT": amount, **visit}
        accept(ledger, msgid, record, service=ServiceCode.FEE)
    assert ledger.stats()["order_violations"]["refund before its line"] == 1


def test_a_used_msgid_takes_nothing_in():
    """The second of two concurrent posts must change no count."""
    ledger = Ledger(Journal())
    assert accept(ledger, "m1", settlement("S1"))
    before = ledger.stats()
    assert not accept(ledger, "m1", settlement("S1"))
    assert ledger.stats() == before


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_batch_torn_by_a_crash_is_dropped_whole(tmp_path, cut):
    """Half a batch under a used msgid would be lost for ever: nobody would send it again."""
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        ledger = Ledger(journal)
        accept(ledger, "m1", settlement("S1"), settlement("S2"))
        whole = path.read_bytes()
        accept(ledger, "m2", settlement("S3"), settlement("S4"))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - cut * 5])
    with Journal(path) as journal:
        assert not Ledger(journal).is_used("m2", now_ms=0)
        assert [entry.key for entry in journal.entries] == ["S1", "S2"]
    assert path.read_bytes() == whole


@pytest.mark.parametrize("content", ["notes of the night shift", '{"n":1}\n', "line\n", '{"notes": "no line break"}'])
def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(tmp_path, content):
    """A torn tail is cut off; a text without a line break at its end looks like one, and was emptied."""
    path = tmp_path / "notes.txt"
    path.write_text(content)
    path.chmod(0o644)
    with pytest.raises(Misconfigured, match="not a journal"):
        Journal(path)
    assert (content, 0o644) == (path.read_text(), path.stat().st_mode & 0o777)


@pytest.mark.parametrize("form", [lambda key: key.hex, lambda key: key.pem])
def test_keys_that_are_there_are_never_overwritten(tmp_path, form):
    """`--keys keys` in a site's own folder: there lie the public keys that the real platform mailed."""
    mailed = tmp_path / f"{HOSPITAL}.pub"
    mailed.write_text(form(generate_key_pair().public))
    before = mailed.read_text()
    with pytest.raises(Misconfigured, match="may be the real platform's"):
        issue_keys(tmp_path, [HOSPITAL], {})
    assert [(mailed.name, before)] == [(path.name, path.read_text()) for path in tmp_path.iterdir()]

    own = generate_key_pair()
    mailed.write_text(form(own.public))
    assert {HOSPITAL: f"{own.d:064x}"} == issue_keys(tmp_path, [HOSPITAL], {HOSPITAL: f"{own.d:064x}"})
    assert form(own.public) == mailed.read_text()


@pytest.mark.parametrize(("remote", "allowed"), [("127.0.0.1", True), ("::1", True), ("192.168.1.7", False), (None, False)])
def test_the_control_pages_are_open_to_this_machine_only(remote, allowed):
    """They show records and switch the platform off."""
    assert is_loopback(remote) is allowed


def test_institutions_are_read_in_all_forms(tmp_path):
    """A person writes two lines; a site.yaml has more about each."""
    file = tmp_path / "institutions.yaml"
    for text in (
        f"{HOSPITAL}: 第一人民医院\n",
        json.dumps({HOSPITAL: "第一人民医院"}),
        f"- {{code: {HOSPITAL}, name: 第一人民医院}}\n",
        f"site: a\ninstitutions:\n  - code: {HOSPITAL}\n    name: 第一人民医院\n    his_codes: ['01']\n",
    ):
        file.write_text(text)
        assert read_institutions(file) == {HOSPITAL: "第一人民医院"}


@pytest.mark.parametrize("text", ["", "[]", "- name: x", "a: [", "- {code: 1, name: x}"])
def test_a_file_without_institutions_is_refused(tmp_path, text):
    """A platform that knows nobody would answer 40002 to everything, a long way from the mistake."""
    file = tmp_path / "institutions.yaml"
    file.write_text(text)
    with pytest.raises(Misconfigured, match=r"institutions\.yaml"):
        read_institutions(file)
