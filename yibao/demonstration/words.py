"""What the demonstration says, in English and in Chinese: whoever decides about a purchase may read only one of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from yibao.demonstration.causes import CHINESE_CAUSES, ENGLISH_CAUSES


class Language(StrEnum):
    """A language that the demonstration speaks."""

    EN = "en"
    ZH = "zh"


def language_of(environment: Mapping[str, str]) -> Language:
    """The language of a terminal: its variables in the order that POSIX gives them."""
    chosen = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := environment.get(name))), "")
    return Language.ZH if chosen.lower().startswith("zh") else Language.EN


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Everything that a demonstration says, in one language. What stands in braces is filled in."""

    # Steps
    hospital: str
    """Step: the hospital's database is made."""
    platform: str
    """Step: the simulator is started."""
    faults: Mapping[str, str]
    """What the simulator's mixes of faults are called, by their name."""
    other_faults: str
    """What any other mix is called."""
    capture: str
    """Step: capture begins."""
    live: str
    """Step: the live days begin."""
    phase: str
    """Step of a service that starts or stops."""
    phases: Mapping[str, str]
    """What the phases of a service are called."""
    # The view, and the lines where there is no terminal
    living: str
    """State while the hospital is live."""
    draining: str
    """State after the live days."""
    giving_up: str
    """The same on a terminal, which has room to say how long it takes."""
    expected: str
    """Column of the view: what should have been accepted by now."""
    accepted: str
    """Column of the view: what was accepted."""
    services: Mapping[str, str]
    """What the services' records are called, by the code of the service."""
    letters: str
    """Row of the view: dead letters."""
    changes: str
    """Row of the view: changes in the database."""
    line: str
    """One look where there is no terminal."""
    held: str
    """Many lanes are held."""
    held_one: str
    """One lane is held."""
    held_all: str
    """What holds concerns the whole platform."""
    remedy: str
    """What to do about it."""
    goes_on: str
    """Nothing is held any more."""
    causes: Mapping[str, tuple[str, str]]
    """By cause of a hold: what it means, and what mends it."""
    # The end
    expected_at_last: str
    """Column of the result: what should have been accepted."""
    amount: str
    """Row of the result: the money of an institution."""
    rows: str
    """Line of the result: rows in the database."""
    letters_are: str
    """Line of the result: dead letters by class."""
    none: str
    """In place of an empty list."""
    waiting: str
    """Line of the result: records that wait, without a letter."""
    waits_for: Mapping[str, str]
    """What they wait for."""
    differing: str
    """How many settlements have lines that add up to something else than they say."""
    unreported: str
    """Line of the result: rows that were deleted before they could be reported."""
    freshness: str
    """Title of the table of times."""
    ways: Mapping[str, str]
    """What the parts of a record's way are called, as `report` names them."""
    verdict: str
    """Line of the result: what is wrong, in numbers."""
    good: str
    """Last line where nothing is wrong."""
    bad: str
    """Last line where something is."""
    kept: str
    """Before the list of commands to look around with."""
    logs: str
    """Where the logs are."""
    interrupted: str
    """What an interruption leaves when everything was stopped."""
    runs_on: str
    """What an interruption leaves when something could not be stopped."""
    # The end of what was kept
    nothing_ran: str
    """There is nothing to stop."""
    no_home: str
    """There is nothing to stop, and nothing was started where it was looked for."""


ENGLISH: Final = Words(
    hospital="hospital: database and the visits before capture begins",
    platform="platform: the simulator, {faults}",
    faults={"demo": "with the faults of an ordinary day", "none": "without faults"},
    other_faults="faults: {name}",
    capture="topics and capture: the snapshot of what stands in the database",
    live="live: the hospital's days, reported while they happen",
    phase="{service}: {phase} ({seconds:.1f} s)",
    phases={"starting": "starting", "ready": "ready", "stopping": "stopping", "stopped": "stopped"},
    living="live",
    draining="draining",
    giving_up="draining: what waits in vain is given up after {seconds} s",
    expected="expected so far",
    accepted="accepted",
    services={"mdtrt_d": "visits", "setl_d": "settlements", "fee_list_d": "fee lines"},
    letters="dead letters",
    changes="changes in the database",
    line="{phase}: {changes} changes; accepted {accepted}; {letters} dead letters",
    held="held ({lanes} lanes): {what}",
    held_one="held (1 lane): {what}",
    held_all="held: {what}",
    remedy="to mend it: {remedy}",
    goes_on="goes on: nothing is held any more",
    causes=ENGLISH_CAUSES,
    expected_at_last="expected",
    amount="amount of {institution}",
    rows="rows in the database: {rows}",
    letters_are="dead letters: {letters}",
    none="none",
    waiting="waiting, without a letter: {waiting}",
    waits_for={"UNSETTLED": "not settled yet", "PARENT_REFUSED": "of a refused visit or settlement"},
    differing="settlements whose lines add up to something else than they say (rule R2): {count}",
    unreported="deleted in the database before they could be reported: {count}",
    freshness="commit to accepted, seconds",
    ways={
        "whole": "from the database to the platform",
        "capture": "to rows.<source>",
        "join": "placed, joined, to visit.ready",
        "batch": "until its batch is sealed",
        "seal": "SM2",
        "post": "to the answer that accepted it",
    },
    verdict="missing {missing}, unexpected {unexpected}, doubled {doubled}; {seconds:.0f} s",
    good="everything has the outcome that it should have",
    bad="not everything has its outcome",
    kept="kept running; {changes} changes so far. Look around with:",
    logs="logs: {logs}",
    interrupted="everything that the demo started has stopped; its files stay in {home} until the next one (`rm -r` removes them)",
    runs_on="{names} could not be stopped and run on: `yibao demo --stop --home {quoted}` stops them; the files are in {home}",
    nothing_ran="nothing runs in {home}",
    no_home="nothing runs in {home}, and no demo has its home there: give --home as `yibao demo --keep` was given it (without it: "
    "{usual}); `yibao stack status --home DIR/stack` shows what runs in one",
)

CHINESE: Final = Words(
    hospital="医院：建库，写入采集开始之前的就诊",
    platform="平台：模拟器，{faults}",
    faults={"demo": "带有日常的故障", "none": "没有故障"},
    other_faults="故障：{name}",
    capture="主题与采集：读取数据库中已有数据的快照",
    live="运行：医院照常就诊，数据随即上报",
    phase="{service}：{phase}（{seconds:.1f} 秒）",
    phases={"starting": "正在启动", "ready": "就绪", "stopping": "正在停止", "stopped": "已停止"},
    living="运行中",
    draining="收尾",
    giving_up="收尾：等不到关联数据的，{seconds} 秒后不再等待",
    expected="截至目前应报",
    accepted="已接收",
    services={"mdtrt_d": "就诊", "setl_d": "结算", "fee_list_d": "费用明细"},
    letters="死信",
    changes="数据库变更",
    line="{phase}：{changes} 条变更；已接收 {accepted}；{letters} 条死信",
    held="已暂停上报（{lanes} 个通道）：{what}",
    held_one="已暂停上报（1 个通道）：{what}",
    held_all="已暂停上报：{what}",
    remedy="解决办法：{remedy}",
    goes_on="已恢复：不再有暂停的通道",
    causes=CHINESE_CAUSES,
    expected_at_last="应报",
    amount="{institution} 金额",
    rows="数据库行数：{rows}",
    letters_are="死信：{letters}",
    none="无",
    waiting="等待中（无死信）：{waiting}",
    waits_for={"UNSETTLED": "条尚未结算", "PARENT_REFUSED": "条所属的就诊或结算记录未通过"},
    differing="明细合计与总额不符的结算（规则 R2）：{count}",
    unreported="上报之前已在数据库中删除：{count}",
    freshness="从提交到被接收（秒）",
    ways={
        "whole": "从数据库到平台",
        "capture": "到 rows.<source>",
        "join": "分发、关联，到 visit.ready",
        "batch": "到批次加密完成",
        "seal": "SM2 加密",
        "post": "到平台应答接收",
    },
    verdict="缺失 {missing}，多余 {unexpected}，重复 {doubled}；{seconds:.0f} 秒",
    good="每条数据都有应有的结果",
    bad="有数据没有得到应有的结果",
    kept="继续运行；目前 {changes} 条变更。可以查看：",
    logs="日志：{logs}",
    interrupted="演示启动的程序都已停止；文件留在 {home}，下次演示时清空（也可用 `rm -r` 删除）",
    runs_on="{names} 未能停止，仍在运行：用 `yibao demo --stop --home {quoted}` 停止；文件在 {home}",
    nothing_ran="{home} 中没有正在运行的程序",
    no_home="{home} 中没有正在运行的程序，也不是演示的目录：--home 要与当初 `yibao demo --keep` 的一致（默认：{usual}）；"
    "`yibao stack status --home 目录/stack` 可查看运行情况",
)

WORDS: Final[Mapping[Language, Words]] = {Language.EN: ENGLISH, Language.ZH: CHINESE}
