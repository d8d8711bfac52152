"""The data-quality rules, each with records that pass and records that do not."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.validate.judge import RULE_IDS, active_rules, judge
from streams.domain.validate.rules import RuleOptions, Subject
from streams.domain.violations import Level
from streams.spec.fields import ServiceCode

FEE, SETTLEMENT, VISIT = ServiceCode.FEE, ServiceCode.SETTLEMENT, ServiceCode.VISIT
TODAY = date(2024, 6, 1)
RESIDENT = "51010219381005541X"

SETTLED = {
    "MEDFEE_SUMAMT": "100.00",
    "FULAMT_OWNPAY_AMT": "10.00",
    "OVERLMT_SELFPAY": "5.00",
    "PRESELFPAY_AMT": "5.00",
    "INSCP_AMT": "80.00",
    "HIFP_PAY": "60.00",
    "POOL_PROP_SELFPAY": "0.8000",
    "FUND_PAY_SUMAMT": "60.00",
    "PSN_PAY": "40.00",
    "ACCT_PAY": "20.00",
}


def judged(service, values, *, kind="outpatient", related=None, levels=None, **options):
    """What the rules find: (rule, field, level) of each violation."""
    known = related or {}
    subject = Subject(values, kind, today=TODAY, options=RuleOptions(**options), related=lambda key: known.get(key[1]))
    violations = judge(subject, active_rules(service, levels or {}), service)
    return [(violation.rule, violation.field, violation.level) for violation in violations]


def rules_of(*arguments, **options):
    return {rule for rule, _, _ in judged(*arguments, **options)}


@pytest.mark.parametrize(
    ("count", "price", "total", "level"),
    [
        ("2.0000", "6.170000", "12.34", None),
        ("3.0000", "0.335000", "1.01", None),  # 1.005, half up
        ("-1.0000", "0.125000", "-0.13", None),
        ("2.0000", "6.170000", "12.35", Level.WARN),
        ("2.0000", "6.170000", "12.36", Level.REFUSE),
        ("2.0000", "6.170000", "-12.34", Level.REFUSE),
    ],
)
def test_r1_line_total(count, price, total, level):
    """R1: a cent off is rounding somewhere in the hospital, more is another price."""
    found = judged(FEE, {"CNT": count, "PRIC": price, "DET_ITEM_FEE_SUMAMT": total})
    assert ([] if level is None else [("R1", "DET_ITEM_FEE_SUMAMT", level)]) == found


def test_r1_can_round_the_price_first():
    """Guide 122: platforms that round the price to 3 decimals compute another total."""
    values = {"CNT": "100.0000", "PRIC": "0.123500", "DET_ITEM_FEE_SUMAMT": "12.40"}
    assert {"R1"} == rules_of(FEE, values)
    assert set() == rules_of(FEE, values, price_decimals=3)


@given(st.integers(-(10**8), 10**8), st.integers(0, 10**9))
def test_r1_in_whole_numbers_is_r1_in_decimals(count, price):
    """Law: the fast comparison decides like the slow one, which `price_decimals=6` takes."""
    values = {"CNT": f"{count / 10000:.4f}", "PRIC": f"{price / 1000000:.6f}"}
    for total in ("0.00", "-0.01", "12.34", f"{count * price / 10**10:.2f}"):
        whole = {**values, "DET_ITEM_FEE_SUMAMT": total}
        assert judged(FEE, whole, price_decimals=6) == judged(FEE, whole)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({}, None),
        ({"INSCP_AMT": "79.00"}, "R3"),
        ({"PSN_PAY": "39.00"}, "R4"),
        ({"HIFP_PAY": "60.01"}, "R5"),
        ({"ACCT_PAY": "40.01"}, "R6"),
        ({"MEDFEE_SUMAMT": "79.00", "PSN_PAY": "19.00", "ACCT_PAY": "0.00", "INSCP_AMT": "59.00"}, "R7"),
        ({"POOL_PROP_SELFPAY": "1.0001"}, "R8"),
        ({"POOL_PROP_SELFPAY": "-0.1000"}, "R8"),
    ],
)
def test_the_parts_of_a_settlement(change, rule):
    """R3 to R8: a settlement whose parts do not add up is what the platform's auditors look for first."""
    assert ({rule} if rule else set()) == rules_of(SETTLEMENT, {**SETTLED, **change})


MINUS = {name: value if name == "POOL_PROP_SELFPAY" else f"-{value}" for name, value in SETTLED.items()}
"""The same taken back."""


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"INSCP_AMT": "80.01"}, {"R3"}), ({"INSCP_AMT": "79.99"}, {"R3"}),
        ({"PSN_PAY": "39.99"}, {"R4"}), ({"PSN_PAY": "40.01"}, {"R4"}),
        ({"HIFP_PAY": "60.00"}, set()), ({"HIFP_PAY": "59.99"}, set()), ({"HIFP_PAY": "0.00"}, set()),
        ({"ACCT_PAY": "40.00"}, set()), ({"ACCT_PAY": "40.01"}, {"R6"}), ({"ACCT_PAY": "0.00"}, set()),
        ({"FULAMT_OWNPAY_AMT": "30.00", "INSCP_AMT": "60.00"}, set()),
        ({"FULAMT_OWNPAY_AMT": "30.01", "INSCP_AMT": "59.99"}, {"R7"}),
        ({"POOL_PROP_SELFPAY": "0.0000"}, set()), ({"POOL_PROP_SELFPAY": "1.0000"}, set()),
        ({"POOL_PROP_SELFPAY": "-0.0001"}, {"R8"}), ({"POOL_PROP_SELFPAY": "1.0001"}, {"R8"}),
    ],
)  # fmt: skip
def test_the_identities_of_a_settlement_hold_to_the_cent(change, rules):
    """R3 to R8, on both sides of each border: a cent is a finding, and what is just right is none."""
    assert rules == rules_of(SETTLEMENT, {**SETTLED, **change})


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({}, set()), ({"INSCP_AMT": "-80.01"}, {"R3"}), ({"PSN_PAY": "-39.99"}, {"R4"}),
        ({"HIFP_PAY": "-60.00"}, set()), ({"HIFP_PAY": "-60.01"}, {"R5"}),
        ({"ACCT_PAY": "-40.00"}, set()), ({"ACCT_PAY": "-40.01"}, {"R6"}),
        ({"FULAMT_OWNPAY_AMT": "-30.01", "INSCP_AMT": "-59.99"}, set()),
        ({"FULAMT_OWNPAY_AMT": "0.00", "INSCP_AMT": "-90.00"}, set()),
        ({"FULAMT_OWNPAY_AMT": "0.01", "INSCP_AMT": "-90.01"}, {"R10"}),
    ],
)  # fmt: skip
def test_the_identities_of_a_refund_hold_to_the_cent(change, rules):
    """A refund is a settlement with the other sign; R7 does not judge it (guide 131)."""
    assert rules == rules_of(SETTLEMENT, {**MINUS, **change})


@pytest.mark.parametrize(("pooled", "rules"), [("40.00", set()), ("40.01", {"R5"}), ("60.00", {"R5"})])
def test_r5_may_count_the_account_into_the_fund(pooled, rules):
    """Whether the fund's total contains the personal account differs between platforms."""
    assert rules == rules_of(SETTLEMENT, {**SETTLED, "HIFP_PAY": pooled}, fund_includes_account=True)


def test_r10_a_refund_is_negative_throughout():
    """A refunded settlement is a counter-record; a positive part in it is counted twice."""
    refund = {name: value if name == "POOL_PROP_SELFPAY" else f"-{value}" for name, value in SETTLED.items()}
    assert [] == judged(SETTLEMENT, refund)
    assert ("R10", "ACCT_PAY", Level.WARN) in judged(SETTLEMENT, {**refund, "ACCT_PAY": "20.00"})


def test_r13_a_discharged_inpatient_has_a_diagnosis():
    """Without a main diagnosis a hospital stay cannot be audited."""
    stay = {"BEGNTIME": "2024-01-01 08:00:00", "ENDTIME": "2024-01-05 08:00:00"}
    assert {"R13"} == rules_of(VISIT, stay, kind="inpatient")
    assert set() == rules_of(VISIT, stay)
    assert set() == rules_of(VISIT, {**stay, "DSCG_MAINDIAG_CODE": "I10.x05"}, kind="inpatient")
    assert {"R13"} == rules_of(VISIT, {**stay, "DSCG_MAINDIAG_CODE": "高血压"}, kind="inpatient")


@pytest.mark.parametrize(("ended", "days"), [("2024-01-05 01:00:00", "4"), ("2024-01-01 23:00:00", "1")])
def test_r14_the_first_day_counts_and_the_last_does_not(ended, days):
    """Guide 623: 1 to 5 January are 4 days; a stay within a day is one."""
    stay = {"BEGNTIME": "2024-01-01 08:00:00", "ENDTIME": ended}
    assert set() == rules_of(VISIT, {**stay, "IPT_DAYS": days})
    assert {"R14"} == rules_of(VISIT, {**stay, "IPT_DAYS": str(int(days) + 1)})
    bed = {"MED_CHRGITM_TYPE": "01", "CNT": f"{days}.0000"}
    assert set() == rules_of(FEE, bed, kind="inpatient", related=stay)
    assert {"R14"} == rules_of(FEE, {**bed, "CNT": f"{days}.5000"}, kind="inpatient", related=stay)


def test_r15_person_and_insurance():
    """Guide 1.2.4: the kinds of person that an insurance has."""
    assert set() == rules_of(VISIT, {"INSUTYPE": "310", "PSN_TYPE": "1101"})
    assert {"R15"} == rules_of(VISIT, {"INSUTYPE": "310", "PSN_TYPE": "15"})
    assert set() == rules_of(VISIT, {"INSUTYPE": "999", "PSN_TYPE": "15"})


def test_r16_maternity():
    """Births are paid by insurance 310 and say what kind of birth they were."""
    whole = {"MATN_TYPE": "1", "BIRCTRL_MATN_DATE": "2024-01-01", "LATECHB_FLAG": "0", "PRET_FLAG": "0"}
    assert set() == rules_of(VISIT, {"MED_TYPE": "52", "INSUTYPE": "310", **whole})
    assert [("R16", "INSUTYPE", Level.WARN)] == judged(VISIT, {"MED_TYPE": "51", "INSUTYPE": "390"})
    assert len(whole) == len(judged(VISIT, {"MED_TYPE": "52", "INSUTYPE": "310"}))


def test_r19_a_card_number_is_no_identity_number():
    """Guide 867: the commonest mistake of a registration desk."""
    assert [("R19", "CERTNO", Level.REFUSE)] == judged(VISIT, {"PSN_CERT_TYPE": "01", "CERTNO": "A1234567"})
    assert set() == rules_of(VISIT, {"PSN_CERT_TYPE": "90", "CERTNO": "A1234567"})


@pytest.mark.parametrize(
    ("day", "passes"),
    [("1899-12-31", False), ("1900-01-01", True), ("2024-06-01", True), ("2024-06-02", True), ("2024-06-03", False)],
)
def test_r20_dates_lie_between_1900_and_tomorrow(day, passes):
    """A year 0202 or 2204 is a slip of the hand; tomorrow is a clock that goes fast."""
    assert passes == ("R20" not in rules_of(FEE, {"FEE_OCUR_TIME": f"{day} 23:59:59"}))
    assert passes == ("R20" not in rules_of(VISIT, {"DIE_DATE": day, "DSCG_WAY": "5"}))


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2024, 6, 2)))
def test_r20_lets_every_likely_day_pass(day):
    """Law: the comparison of texts is the comparison of days."""
    assert "R20" not in rules_of(SETTLEMENT, {"SETL_TIME": f"{day} 00:00:00", "BRDY": f"{day}"})
    later = date(2024, 6, 3) + timedelta(days=(day - date(1900, 1, 1)).days)
    assert "R20" in rules_of(SETTLEMENT, {"SETL_TIME": f"{later} 00:00:00"})


BEGAN, SETTLED_AT = "2024-01-01 08:00:00", "2024-01-01 10:00:00"


@pytest.mark.parametrize(
    ("service", "values", "rules"),
    [
        (FEE, {"FEE_OCUR_TIME": BEGAN}, set()), (FEE, {"FEE_OCUR_TIME": "2024-01-01 07:59:59"}, {"R22"}),
        (FEE, {"FEE_OCUR_TIME": SETTLED_AT}, set()), (FEE, {"FEE_OCUR_TIME": "2024-01-01 10:00:01"}, {"R22"}),
        (FEE, {}, set()),
        (SETTLEMENT, {"SETL_TIME": BEGAN}, set()), (SETTLEMENT, {"SETL_TIME": "2024-01-01 07:59:59"}, {"R22"}),
        (VISIT, {"BEGNTIME": BEGAN, "ENDTIME": BEGAN}, set()),
        (VISIT, {"BEGNTIME": BEGAN, "ENDTIME": "2024-01-01 07:59:59"}, {"R22"}),
        (VISIT, {"DIE_DATE": "2024-01-01", "DSCG_WAY": "5"}, set()), (VISIT, {"DIE_DATE": "2024-01-01"}, {"R22"}),
        (VISIT, {"INHOSP_STAS": "1"}, set()), (VISIT, {"INHOSP_STAS": "0", "ENDTIME": BEGAN}, set()),
    ],
)  # fmt: skip
def test_r22_a_second_more_is_out_of_order_and_the_same_moment_is_not(service, values, rules):
    """BEGNTIME <= FEE_OCUR_TIME <= SETL_TIME, BEGNTIME <= ENDTIME: systems that pay at the desk write one moment into all."""
    assert rules == rules_of(service, values, related={"BEGNTIME": BEGAN, "SETL_TIME": SETTLED_AT})


@pytest.mark.parametrize(("service", "values"), [(FEE, {"FEE_OCUR_TIME": BEGAN}), (SETTLEMENT, {"SETL_TIME": BEGAN})])
def test_r22_says_nothing_of_what_is_not_known(service, values):
    """A pharmacy has no visit, and a visit need not tell when it began."""
    assert set() == rules_of(service, values, related={"BEGNTIME": None, "SETL_TIME": None})


def test_r22_the_order_of_times():
    """Begin, fee, settlement; begin, end; death only where the way of leaving says so; in hospital means no end."""
    times = {"BEGNTIME": "2024-01-01 08:00:00", "SETL_TIME": "2024-01-01 10:00:00"}
    assert set() == rules_of(FEE, {"FEE_OCUR_TIME": "2024-01-01 09:00:00"}, related=times)
    assert {"R22"} == rules_of(FEE, {"FEE_OCUR_TIME": "2024-01-01 07:59:59"}, related=times)
    assert {"R22"} == rules_of(FEE, {"FEE_OCUR_TIME": "2024-01-01 10:00:01"}, related=times)
    assert {"R22"} == rules_of(SETTLEMENT, {"SETL_TIME": "2024-01-01 07:00:00"}, related=times)
    assert {"R22"} == rules_of(VISIT, {"BEGNTIME": "2024-01-02 08:00:00", "ENDTIME": "2024-01-01 08:00:00"})
    assert {"R22"} == rules_of(VISIT, {"DIE_DATE": "2024-01-01", "DSCG_WAY": "1"})
    assert {"R22"} == rules_of(VISIT, {"INHOSP_STAS": "1", "ENDTIME": "2024-01-01 08:00:00"})
    assert {"R22"} == rules_of(VISIT, {"INHOSP_STAS": "0"})
    assert set() == rules_of(VISIT, {"INHOSP_STAS": "1"})


def test_r23_one_person_in_all_tables():
    """Age, birth date and sex agree with the identity number and between visit and settlement."""
    person = {"PSN_CERT_TYPE": "01", "CERTNO": RESIDENT, "BRDY": "1938-10-05", "GEND": "1", "AGE": "85.0"}
    begun = {"BEGNTIME": "2024-01-01 08:00:00"}
    assert [] == judged(VISIT, {**person, **begun})
    assert [("R23", "BRDY", Level.WARN)] == judged(VISIT, {**person, **begun, "BRDY": "1939-10-05"})
    assert [("R23", "GEND", Level.WARN)] == judged(VISIT, {**person, **begun, "GEND": "2"})
    assert [("R23", "AGE", Level.WARN)] == judged(VISIT, {**person, **begun, "AGE": "40.0"})
    assert [("R23", "AGE", Level.WARN)] == judged(VISIT, {"AGE": "131.0"})
    other = [("R23", "CERTNO", Level.WARN)]
    assert other == judged(SETTLEMENT, person, related={**person, **begun, "CERTNO": "110101199003078515"})


@pytest.mark.parametrize(("field", "value"), [("MDTRT_ID", "M-2"), ("PSN_NO", "3610-2"), ("AGE", "82.0")])
def test_r23_a_settlement_names_the_visit_and_the_person_of_its_visit(field, value):
    """The platform adds up a person's money by these: what differs is paid for somebody else, and nobody sees it."""
    visit = {"MDTRT_ID": "M-1", "PSN_NO": "3610-1", "AGE": "84.0"}
    assert [] == judged(SETTLEMENT, visit, related=visit)
    assert [] == judged(SETTLEMENT, {**visit, "AGE": "85.0"}, related=visit)  # a birthday in hospital
    assert [] == judged(SETTLEMENT, {name: text for name, text in visit.items() if name != field}, related=visit)
    assert [("R23", field, Level.WARN)] == judged(SETTLEMENT, visit, related={**visit, field: value})


@pytest.mark.parametrize(
    ("kind", "number", "field"),
    [
        ("01", RESIDENT, None),
        ("01", "120103199805161212", "CERTNO"),  # the guide's own sample: wrong check digit
        ("01", "1234", "CERTNO"),
        ("01", "810000199408230021", "PSN_CERT_TYPE"),
        ("17", "810000199408230021", None),
        ("04", "H12345678", None),
        ("01", "H12345678", "PSN_CERT_TYPE"),
        ("06", "12345678", None),
        ("06", "ABC", "CERTNO"),
    ],
)
def test_identity_numbers(kind, number, field):
    """A mistyped identity number files a visit under another person."""
    found = [item for item in judged(VISIT, {"PSN_CERT_TYPE": kind, "CERTNO": number}) if item[0] == "IDENTITY"]
    assert ([("IDENTITY", field, Level.WARN)] if field else []) == found


@pytest.mark.parametrize(
    ("kind", "code", "fits"),
    [
        ("101", "XJ01CAA040E001010104981", True),
        ("101", "12345", False),
        ("201", "001101000010000", True),
        ("201", "001101000010000-110100001", True),
        ("201", "XJ01CAA040E001010104981", False),
        ("301", "C1234567890123456789", True),
        ("301", "C12", False),
        ("999", "anything", True),
    ],
)
def test_codes_of_the_national_lists(kind, code, fits):
    """A hospital's own code where the national one belongs is paid at the wrong rate."""
    assert fits == ("CODES" not in rules_of(FEE, {"LIST_TYPE": kind, "MED_LIST_CODG": code}))


def test_a_site_switches_and_levels_rules():
    """Every rule can be off, warn or refuse: a platform decides, not we."""
    values = {**SETTLED, "INSCP_AMT": "79.00"}
    assert [] == judged(SETTLEMENT, values, levels={"R3": "off"})
    assert [("R3", "MEDFEE_SUMAMT", Level.REFUSE)] == judged(SETTLEMENT, values, levels={"R3": "refuse"})
    line = {"CNT": "1.0000", "PRIC": "1.000000", "DET_ITEM_FEE_SUMAMT": "9.00"}
    assert [("R1", "DET_ITEM_FEE_SUMAMT", Level.WARN)] == judged(FEE, line, levels={"R1": "warn"})


def test_rules_keep_quiet_about_what_is_missing():
    """A missing value is REQUIRED's business: a rule that stumbles over it would hide all other violations."""
    for service in ServiceCode:
        for kind in ("outpatient", "inpatient", "pharmacy", ""):
            assert [] == judged(service, {}, kind=kind)


def test_the_rules_of_one_record_are_all_there():
    """The list that `yibao check` offers is the one that is promised."""
    promised = {"R1", "R3", "R4", "R5", "R6", "R7", "R8", "R10", "R13", "R14", "R15", "R16", "R19", "R20", "R22", "R23"}
    elsewhere = {"R2", "R9", "R12", "R24", "R25"}
    assert promised | elsewhere | {"IDENTITY", "CODES", "DICTIONARY", "TEXT"} == RULE_IDS
