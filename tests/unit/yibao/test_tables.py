"""Every table of a verb at 80 columns, with values as long as real ones: at night it is read in whatever window is open."""

import ast
import io
import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.cells import cell_len

from streams.lanes.ports import TopicPartition
from streams.lanes.recovered import Action
from streams.replay.plan import Outcome
from streams.topics.audit import AuditEntry, Link
from streams.topics.shapes import TopicAction
from streams.topics.steering import LimitOrder
from yibao import coverage, explain_shown, monitored, pending_shown, screens, tables
from yibao.captures import shown as captures_shown
from yibao.letters import lists_shown
from yibao.letters import shown as letters_shown
from yibao.options import Output
from yibao.replaying import shown as replay_shown
from yibao.replaying.renewing import Fare
from yibao.verbs import audit, limits, offsets, ready, simulator, stack, topics

YIBAO = Path(tables.__file__).parent
H = "H36110200001"
AT = 1_764_000_000_000
TOPIC = "first-peoples-hospital.visit.changes.of-a-long-name"
MSGID = "361102000010" + "29dxs0s1te0b00" + "n001x1"
WHY = "平台方十二月一日的通知：夜间维护延长两小时，请在凌晨五点之后再补报当天的结算与明细; see ticket OPS-20261205-118"
BY = "li.xiaoming via yibao-operations@cdc-node-17.hospital.example"
ZONE = SimpleNamespace(timezone="Asia/Shanghai", site="first-peoples-hospital")


def of_audit():
    facts = {
        "institution": H,
        "until": "2026-12-01T06:00:00+08:00",
        "file": "/var/lib/yibao/plans/29dxs0s1te0b00.plan",
        "uid": 1001,
    }
    entry = AuditEntry(id="a" * 16, at="2026-11-30T22:10:11+08:00", by=BY, action="maintenance set", why=WHY, facts=facts)
    audit._show([SimpleNamespace(entry=entry, offset=7, link=Link.CHAINED), SimpleNamespace(entry=None, offset=8)])
    return "maintenance set", facts["file"], "no entry"


def of_limits(monkeypatch):
    order = LimitOrder(
        institution=H, in_flight=12, requests_per_s=1234.5, records_per_s=99999.0, at="2026-11-30T22:10:11+08:00", by=BY, why=WHY
    )
    orders = SimpleNamespace(limits={H: order, "": order})
    platform = SimpleNamespace(in_flight=SimpleNamespace(total=1000, per_institution=100), rate_per_s=1250.0)
    monkeypatch.setattr(limits, "load_site", lambda _config: SimpleNamespace(platform=platform))
    monkeypatch.setattr(limits, "warn_of_other_site", lambda _site: None)
    monkeypatch.setattr(limits.steering, "orders_of", lambda _site: orders)
    limits.show(Path("site.yaml"), Output.TABLE)
    return H, "1234.5", "OPS-20261205-118", "IN FLIGHT"


def of_topics(monkeypatch):
    spec = SimpleNamespace(name=TOPIC, partitions=12)
    differs = ["retention.ms is 604800000 and must be 2592000000", "min.insync.replicas is 1 and must be 2"]
    plan = [SimpleNamespace(spec=spec, action=TopicAction.CONFLICT, differences=differs)] * 2
    monkeypatch.setattr(topics, "binding_lines", lambda *_plan, **_done: [])
    told = SimpleNamespace(write=[], notes=[], refusals=[])
    topics._show(SimpleNamespace(topics=plan, binding=None, offsets=told, internal=[]), output=Output.TABLE, done=False)
    return TOPIC, "min.insync.replicas"


def of_offsets():
    mark = SimpleNamespace(offset=123456789, metadata='{"seq":"00000000123456","plan":{"id":"29dxs0s1te0b00"},"log":"abcdef"}')
    why = "the first record without receipt and dead letter; 12 records behind it, up to number 123456, are settled"
    offsets._show([SimpleNamespace(at=TopicPartition(TOPIC, 11), action=Action.WRITE, was=mark, to=mark, why=why)], written=True)
    return TOPIC, "123456,", "29dxs0s1te0b00"


def of_ready():
    fare = next(iter(Fare))
    counts = Counter(
        {(H, "fee_list_d", "his@2026-11-30T22:10:11+08:00", fare, "his.outpatient_charge_detail, his.inpatient_order"): 1234567}
    )
    ready._show(SimpleNamespace(counts=counts, fares=Counter({fare: 1234567})))
    return H, "inpatient_order"


def of_replay():
    outcome = next(iter(Outcome))
    letter = SimpleNamespace(
        dead_class="JOIN_INCOMPLETE", rule="R-JOIN-07", field="MDTRT_CERT_TYPE", cause="settlement of another visit"
    )
    plan = SimpleNamespace(id="29dxs0s1te0b00", mapping="m@1", outcomes=Counter({outcome.value: 1234567}), passing=[1])
    plan.items = [
        SimpleNamespace(letter="x", outcome=outcome, why="its row is not remembered any more, and stands in another visit")
    ]
    made = SimpleNamespace(plan=plan, letters={"x": letter}, released=1)
    replay_shown.show_plan(made, Path("p.plan"), approve_above=1000, output=Output.TABLE)
    return "JOIN_INCOMPLETE", "another visit", "1 record that waits"


def of_captures():
    row = ("outpatient-and-emergency", "yibao-first-peoples-hospital-outpatient", "RUNNING", "0: FAILED", "3 s ago")
    lag = SimpleNamespace(
        row=("place (outpatient-and-emergency)", "123456789", "12"), workers=1, stage="place", lines=lambda _now: []
    )
    captures_shown.show_states([SimpleNamespace(row=row, lines=[])], [lag], output=Output.TABLE)
    return row[1], "FAILED", "123456789"


def of_workers():
    reason = {"reason": "institution_held", "what": H}
    seen = monitored.Seen(
        worker="deliver-12", address="http://cdc-node-17.first-peoples-hospital.example:19464", state="degraded", reasons=[reason]
    )
    monitored.show_seen([seen], Output.TABLE)
    return "degraded", "example:19464"


def of_letters():
    about = {"dead_class": "JOIN_INCOMPLETE", "rule": "R-JOIN-07", "field": "MDTRT_CERT_TYPE", "cause": "a" * 30, "owner": "clerk"}
    letter = SimpleNamespace(id="9f" * 16, service="fee_list_d", institution=H, last=AT, closed=AT, message=WHY * 2, **about)
    letters_shown.show_page(SimpleNamespace(letters=[letter] * 2, total=2, exact=True, after="x"), ZONE, closed=True)
    line = SimpleNamespace(
        parts=("JOIN_INCOMPLETE", "R-JOIN-07", H, "his.outpatient_charge_detail"),
        owners="clerk,it,vendor,platform",
        open=1,
        closed=0,
        oldest=AT,
        today=1,
        before=1,
    )
    letters_shown.show_summary([line], ("class", "rule", "institution", "table"), now=AT)
    return letter.id[:12], "OPS-20261205-118", "1 dead letter"


def of_pending():
    one = SimpleNamespace(
        kind="lookup item_catalogue_of_hospital",
        words="for a row of the lookup item_catalogue_of_hospital",
        service="fee_list_d",
        institution=H,
        source="outpatient-and-emergency",
        row="his.outpatient_charge_detail/2026113000088417/12",
        visit="MZ20261130-0001884",
        since=AT,
        until=AT,
        told=True,
    )
    kind = SimpleNamespace(kind=one.kind, words=one.words, service=one.service, rows=1234567, told=7, oldest=AT)
    pending_shown.show(SimpleNamespace(kinds=[kind], oldest=[one], total=1234567), ZONE)
    pending_shown.show_releasable(SimpleNamespace(counts=Counter({("settlement", H): 7}), orders=[1], left=Counter(), told=0))
    return one.visit, "88417/12", "1 wait may be ended"


def of_explain():
    said = {
        "service": "fee_list_d",
        "institution": H,
        "source": "outpatient-and-emergency",
        "row": "his.outpatient_charge_detail/2026113000088417",
        "visit": "MZ20261130-0001884",
    }
    tables.show(tuple(said), [tuple(said.values())])
    event = SimpleNamespace(
        at=AT,
        stage="dead-letter",
        what="letter closed by the platform's confirmation",
        of=said["row"],
        where=f"{TOPIC}/11/123456789",
        facts={"msgid": MSGID, "message": WHY},
    )
    tables.show(("time", "stage", "what", "of", "where", "facts"), explain_shown._rows([event], ZONE))
    return MSGID, said["visit"]


def of_check():
    one = SimpleNamespace(
        source="outpatient-and-emergency",
        mapping_version="outpatient@2026-11-30T22:10",
        service="fee_list_d",
        label="费用明细记录表",
        mapped=101,
        fields=101,
        required=57,
        columns_read=120,
        unfilled=("HILIST_CODE", "MED_LIST_CODG", "MEDINS_LIST_CODG", "MEDINS_LIST_NAME", "CHRGITM_LV"),
    )
    site = SimpleNamespace(institutions=[], sources=[], site=ZONE.site)
    coverage.show_coverage(site, [one])
    return "101/101", "费用明细记录表"


def of_simulator():
    counts = dict.fromkeys(simulator._COUNTS, 123456789)
    simulator._print_stats({"accepted": {"fee_list_d": {H: counts}}, "by_finding": {"order": 12, "x" * 60: 3}})
    return H, "x" * 60


def of_stack():
    one = SimpleNamespace(
        service="postgresql",
        ready=True,
        pid=1234567,
        port=65535,
        log=Path("/home/yibao/checkout-of-the-day/.yibao/stack/logs/postgresql.log"),
    )
    stack._print_table([one])
    return "postgresql.log", "1234567"


def of_lists():
    fault = SimpleNamespace(
        sheet="医保办经办人",
        row=12345,
        column="处理决定",
        what="看不懂的决定：已经在HIS里修改过了但是还没有重新上传",
        mend="写 关闭、重报、原样重报、重新读取 或 已在HIS修改",
    )
    lists_shown._show_faults([fault])
    return "12345", "看不懂的决定"


@pytest.mark.parametrize(
    "printed", [one for name, one in sorted(globals().items()) if name.startswith("of_")], ids=lambda one: one.__name__
)
def test_a_table_fits_80_columns_and_cuts_nothing(printed, monkeypatch, capsys):
    """What wraps is read as another row; what is cut is what was looked for. A Chinese character is two columns wide."""
    monkeypatch.setenv("COLUMNS", "80")
    wanted = printed(monkeypatch) if printed in (of_limits, of_topics) else printed()
    out = capsys.readouterr().out
    assert [] == [line for line in out.splitlines() if cell_len(line) > 80]
    assert "…" not in out
    joined = re.sub(r"\s+", "", out)
    assert [] == [one for one in wanted if re.sub(r"\s+", "", one) not in joined]


def test_no_verb_prints_tables_another_way():
    """The next one would be as wide as its values. The demonstration paints its own screen."""
    found = [
        f"{file.relative_to(YIBAO)}"
        for file in YIBAO.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "rich.table"
    ]
    assert {"demonstration"} == {name.split("/")[0] for name in found}


def test_columns_of_chinese_stand_under_each_other():
    """A character counts as it is shown; by their number, every row would be shifted."""
    told = tables.lines(("名称", "n"), [("门诊结算", "1"), ("ab", "22")], right=("n",))
    assert ["名称       n", "门诊结算   1", "ab        22"] == told
    assert 80 == cell_len(screens.cut("门" * 60)) + 1
    assert ["门诊  1", "ab    2"] == screens.aligned([("门诊", "1"), ("ab", "2")])


def test_what_is_piped_has_a_row_in_a_line(monkeypatch, capsys):
    """`yibao dlq list | grep H36…` finds the row, and not half of it."""
    monkeypatch.delenv("COLUMNS", raising=False)
    tables.show(("a", "b"), [("x" * 60, "y" * 60)], piped=tables.LONG_LINES)
    assert f"{'x' * 60}  {'y' * 60}" == capsys.readouterr().out.splitlines()[1]


def test_a_sentence_on_a_terminal_is_torn_between_words_and_elsewhere_not_at_all(monkeypatch):
    """A terminal of 80 columns tears it within a word; a file or another command wants one line for each thing."""
    said = "warns: [kafka.brokers] " + " ".join(["单个代理", "of many"] * 12)
    assert [f"  {said}"] == tables.hanging(said, indent="  ")
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "80")
    first, *rest = torn = tables.hanging(said, indent="  ")
    assert said.split() == " ".join(torn).split()
    assert max(map(cell_len, torn)) <= 80
    assert (True, {"    "}) == (first.startswith("  warns"), {line[:4] for line in rest})


class Terminal(io.StringIO):
    """A person looks at it."""

    def isatty(self):
        return True
