"""Rules about amounts: line totals, and how the parts of a settlement add up."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from streams.domain.validate.rules import FEE, NOTHING, SETTLEMENT, Finding, Rule, Subject
from streams.domain.violations import Level

_CENT: Final = Decimal("0.01")
_ZERO: Final = Decimal(0)
_CENT_AT_10: Final = 10**8
_HALF_CENT: Final = _CENT_AT_10 // 2
_PARTS: Final = ("FULAMT_OWNPAY_AMT", "OVERLMT_SELFPAY", "PRESELFPAY_AMT", "INSCP_AMT")
_SIGNED: Final = (*_PARTS, "HIFP_PAY", "FUND_PAY_SUMAMT", "PSN_PAY", "ACCT_PAY")


def _is_product(count: str, price: str, total: str) -> bool:
    """Whether total = quantity × price, in whole numbers (4, 6 and 2 decimals): a third of the time that Decimals take."""
    product = int(count.replace(".", "")) * int(price.replace(".", ""))
    rounded = (abs(product) + _HALF_CENT) // _CENT_AT_10
    return int(total.replace(".", "")) == (rounded if product >= 0 else -rounded)


def line_total(subject: Subject) -> tuple[Finding, ...]:
    """R1: total = quantity × price, half up to the cent. A cent off is a warning, more is refused."""
    values, decimals = subject.values, subject.options.price_decimals
    try:
        texts = values["CNT"], values["PRIC"], values["DET_ITEM_FEE_SUMAMT"]
    except KeyError:
        return NOTHING
    if decimals is None and _is_product(*texts):
        return NOTHING
    count, price, total = map(Decimal, texts)
    if decimals is not None:
        price = price.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    product = (count * price).quantize(_CENT, rounding=ROUND_HALF_UP)
    if product == total:
        return NOTHING
    off = total - product
    return (
        Finding(
            field="DET_ITEM_FEE_SUMAMT",
            message=f"明细项目费用总额与数量×单价相差 {off}",
            level=Level.WARN if abs(off) <= _CENT else Level.REFUSE,
        ),
    )


def parts_add_up(subject: Subject) -> tuple[Finding, ...]:
    """R3: total = wholly own + over limit + own share first + within scope."""
    amounts = subject.money("MEDFEE_SUMAMT", *_PARTS)
    if not amounts or amounts[0] == sum(amounts[1:]):
        return NOTHING
    off = amounts[0] - sum(amounts[1:])
    return (Finding(field="MEDFEE_SUMAMT", message=f"医疗费总额与全自费、超限价、先行自付、符合范围之和相差 {off}"),)


def paid_in_full(subject: Subject) -> tuple[Finding, ...]:
    """R4: total − fund − person is normally 0."""
    amounts = subject.money("MEDFEE_SUMAMT", "FUND_PAY_SUMAMT", "PSN_PAY")
    if not amounts or (off := amounts[0] - amounts[1] - amounts[2]) == _ZERO:
        return NOTHING
    return (Finding(field="MEDFEE_SUMAMT", message=f"医疗费总额减基金支付减个人支付为 {off}，应为 0"),)


def fund_covers_pool(subject: Subject) -> tuple[Finding, ...]:
    """R5: the fund pays at least what the pooled fund pays (and the account, where the platform counts it in). Signs may be those
    of a refund.
    """
    amounts = subject.money("FUND_PAY_SUMAMT", "HIFP_PAY", "ACCT_PAY")
    if not amounts:
        return NOTHING
    fund, least = amounts[0], amounts[1] + (amounts[2] if subject.options.fund_includes_account else _ZERO)
    if abs(fund) >= abs(least):
        return NOTHING
    return (Finding(field="FUND_PAY_SUMAMT", message=f"基金支付总额比统筹基金支出少 {abs(least) - abs(fund)}"),)


def account_within_person(subject: Subject) -> tuple[Finding, ...]:
    """R6: the account pays no more than the person."""
    amounts = subject.money("ACCT_PAY", "PSN_PAY")
    if not amounts or abs(amounts[0]) <= abs(amounts[1]):
        return NOTHING
    return (Finding(field="ACCT_PAY", message=f"个人账户支出比个人支付金额多 {abs(amounts[0]) - abs(amounts[1])}"),)


def own_share(subject: Subject) -> tuple[Finding, ...]:
    """R7: total − fund − wholly own − over limit − own share first is not negative, unless in a refund."""
    amounts = subject.money("MEDFEE_SUMAMT", "FUND_PAY_SUMAMT", *_PARTS[:3])
    if not amounts or amounts[0] < _ZERO or (share := amounts[0] - sum(amounts[1:])) >= _ZERO:
        return NOTHING
    return (Finding(field="MEDFEE_SUMAMT", message=f"自付金额（总额减基金、全自费、超限价、先行自付）为负：{share}"),)


def proportion(subject: Subject) -> tuple[Finding, ...]:
    """R8: the pooled share is a proportion."""
    amounts = subject.money("POOL_PROP_SELFPAY")
    if not amounts or _ZERO <= amounts[0] <= 1:
        return NOTHING
    return (Finding(field="POOL_PROP_SELFPAY", message="基本医疗统筹支付比例不在 0 到 1 之间"),)


def refund_is_negative(subject: Subject) -> tuple[Finding, ...]:
    """R10: a refunded settlement is a counter-record: no part of it has the other sign."""
    total = subject.money("MEDFEE_SUMAMT")
    if not total or total[0] >= _ZERO:
        return NOTHING
    positive = [name for name in _SIGNED if any(amount > _ZERO for amount in subject.money(name))]
    return tuple(Finding(field=name, message="退费结算的总额为负，此项金额却为正") for name in positive)


MONEY_RULES: Final = (
    Rule(id="R1", level=Level.REFUSE, services=FEE, clause="guide 122", title="line total = quantity × price", check=line_total),
    Rule(id="R3", level=Level.WARN, services=SETTLEMENT, clause="§3.3.2 #19-23", title="parts add up", check=parts_add_up),
    Rule(id="R4", level=Level.WARN, services=SETTLEMENT, clause="§3.3.2 #26-27", title="paid in full", check=paid_in_full),
    Rule(
        id="R5", level=Level.WARN, services=SETTLEMENT, clause="§3.3.2 #24-26", title="fund ≥ pooled fund", check=fund_covers_pool
    ),
    Rule(
        id="R6", level=Level.WARN, services=SETTLEMENT, clause="§3.3.2 #28", title="account ≤ person", check=account_within_person
    ),
    Rule(id="R7", level=Level.WARN, services=SETTLEMENT, clause="guide 131", title="own share ≥ 0", check=own_share),
    Rule(id="R8", level=Level.REFUSE, services=SETTLEMENT, clause="§3.3.2 #25", title="share between 0 and 1", check=proportion),
    Rule(id="R10", level=Level.WARN, services=SETTLEMENT, clause="guide 125", title="refund is negative", check=refund_is_negative),
)
