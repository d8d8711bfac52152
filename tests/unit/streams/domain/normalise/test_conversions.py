"""From database text to interface text: what a hospital's clocks, amounts and codes must look like at the platform."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.normalise.conversions import Translation, decimal, padded, text, translated
from streams.domain.normalise.moments import instant_day, instant_time, wall_day, wall_time
from streams.domain.normalise.unseen import is_blank
from streams.domain.violations import DeadClass, Unfit
from streams.spec.fields import ServiceCode
from streams.spec.interface import SERVICES

FIELDS = {(service.code, field.name): field for service in SERVICES.values() for field in service.fields}
COUNT = FIELDS[ServiceCode.FEE, "CNT"]
AMOUNT = FIELDS[ServiceCode.FEE, "DET_ITEM_FEE_SUMAMT"]
SHARE = FIELDS[ServiceCode.SETTLEMENT, "POOL_PROP_SELFPAY"]
DAYS = FIELDS[ServiceCode.VISIT, "IPT_DAYS"]
OCCURRED = FIELDS[ServiceCode.FEE, "FEE_OCUR_TIME"]
BORN = FIELDS[ServiceCode.SETTLEMENT, "BRDY"]
NAME = FIELDS[ServiceCode.SETTLEMENT, "PSN_NAME"]
CARD = FIELDS[ServiceCode.VISIT, "CERTNO"]
LINE = FIELDS[ServiceCode.FEE, "BKKP_SN"]
SHANGHAI = ZoneInfo("Asia/Shanghai")


def refusal(convert, raw):
    with pytest.raises(Unfit) as caught:
        convert(raw)
    return caught.value.violation


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("12.50", "12.50"),
        ("12.5", "12.50"),
        ("12", "12.00"),
        ("12.5000", "12.50"),
        ("-0.00", "0.00"),
        ("-3", "-3.00"),
        ("+3", "3.00"),
        (".5", "0.50"),
        ("007.50", "7.50"),
        ("1E+2", "100.00"),
        (" 1.00 ", "1.00"),
        ("99999999999999.99", "99999999999999.99"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_a_decimal_has_exactly_the_interfaces_decimals(raw, shown):
    """One form for one amount: otherwise a changed column type would look like a correction of every record."""
    assert shown == decimal(AMOUNT, fen=False, rounded=False)(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "abc",
        "NaN",
        "Infinity",
        "1,234.50",
        "1_000",
        "１２.00",
        "12.505",
        "100000000000000.00",
        "1e99",
        "9" * 80,
        "--1",
        "1.2.3",
        "0x10",
    ],
)
def test_a_number_that_the_interface_cannot_hold_is_refused(raw):
    """Python's Decimal reads more than the platform: underscores, full-width digits, NaN. None of it may pass."""
    assert "DECIMAL" == refusal(decimal(AMOUNT, fen=False, rounded=False), raw).rule


def test_rounding_needs_to_be_asked_for():
    """A double column holds 74.24000000000001; who accepts that says so in the mapping."""
    assert "DECIMAL" == refusal(decimal(AMOUNT, fen=False, rounded=False), "74.24000000000001").rule
    assert "74.24" == decimal(AMOUNT, fen=False, rounded=True)("74.24000000000001")
    assert "0.13" == decimal(AMOUNT, fen=False, rounded=True)("0.125")
    assert "-0.13" == decimal(AMOUNT, fen=False, rounded=True)("-0.125")


@pytest.mark.parametrize(("raw", "shown"), [("1234", "12.34"), ("5", "0.05"), ("-100", "-1.00"), ("0", "0.00")])
def test_fen_become_yuan(raw, shown):
    """Amounts counted in hundredths are off by a hundred if this is wrong."""
    assert shown == decimal(AMOUNT, fen=True, rounded=False)(raw)


def test_a_whole_number_has_no_point():
    """IPT_DAYS is numeric(16) without decimals."""
    assert "12" == decimal(DAYS, fen=False, rounded=False)("12")
    assert "12" == decimal(DAYS, fen=False, rounded=False)("12.0")
    assert "DECIMAL" == refusal(decimal(DAYS, fen=False, rounded=False), "12.5").rule


def test_a_proportion_keeps_one_digit_before_the_point():
    """POOL_PROP_SELFPAY is (5,4): 10 would not fit."""
    assert "0.8000" == decimal(SHARE, fen=False, rounded=False)("0.8")
    assert "DECIMAL" == refusal(decimal(SHARE, fen=False, rounded=False), "10").rule


@given(st.decimals(min_value=-(10**12) + 1, max_value=10**12 - 1, places=4))
def test_a_decimal_that_fits_survives_unchanged(number):
    """Law: no amount is altered by being written in the interface's form."""
    shown = decimal(COUNT, fen=False, rounded=False)(f"{number:f}")
    assert Decimal(shown) == number
    assert decimal(COUNT, fen=False, rounded=False)(shown) == shown


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=7))
def test_rounding_is_half_up_to_the_interfaces_decimals(number):
    """Law: the guide's rounding (guide 122), whatever the number."""
    shown = decimal(AMOUNT, fen=False, rounded=True)(f"{number:f}")
    assert Decimal(shown) == number.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("2024-01-01T10:00:00Z", "2024-01-01 10:00:00"),
        ("2024-01-01T10:00:00.999999Z", "2024-01-01 10:00:00"),
        ("2024-01-01 10:00:00", "2024-01-01 10:00:00"),
        ("2024-01-01T10:00", "2024-01-01 10:00:00"),
        ("2024-02-29Z", "2024-02-29 00:00:00"),
        ("2024-02-29", "2024-02-29 00:00:00"),
        ("", ""),
    ],
)
def test_a_wall_clock_time_is_shown_as_it_is_stored(raw, shown):
    """Capture writes a Z behind zone-less times; to believe it would move every time by eight hours."""
    assert shown == wall_time(OCCURRED)(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "2020-12-1",
        "2023-02-29T10:00:00Z",
        "0000-00-00",
        "2024-01-01T24:00:00Z",
        "2024-13-01",
        "2024/01/01",
        "20240101",
        "2024-1-1 8:00",
    ],
)
def test_a_date_that_is_not_in_the_calendar_breaks_r20(raw):
    """The platform refuses dates without leading zeros and days that never were (guide 1432)."""
    assert "R20" == refusal(wall_time(OCCURRED), raw).rule


@pytest.mark.parametrize("raw", ["yesterday", "12:00:00", "2024-01-01T100000.1Z", "2024-W01-1T10:00:00Z", "２024-01-01T10:00:00Z"])
def test_what_is_no_date_at_all_is_refused(raw):
    """`fromisoformat` knows more forms than the interface; none of them may slip through."""
    assert refusal(wall_time(OCCURRED), raw).rule in ("DATETIME", "R20")
    assert refusal(wall_day(BORN), raw).rule in ("DATE", "R20")


def test_a_zone_in_a_wall_clock_value_is_refused():
    """The mapping says wall, the value says +08: one of them is wrong, and guessing moves times by eight hours."""
    assert "DATETIME" == refusal(wall_time(OCCURRED), "2024-01-01 10:00:00+08").rule
    assert "DATETIME" == refusal(instant_time(OCCURRED, SHANGHAI), "2024-01-01 10:00:00").rule


def test_a_birth_date_as_timestamptz_does_not_lose_a_day():
    """Hospitals store birthdays as midnight at +08, which is the day before in UTC."""
    assert "1938-10-05" == instant_day(BORN, SHANGHAI)("1938-10-04T16:00:00Z")
    # Before 1901 Shanghai's clocks stood at +08:05:43.
    assert "1900-06-01" == instant_day(BORN, SHANGHAI)("1900-05-31T15:54:17Z")
    assert "1900-05-31" == instant_day(BORN, SHANGHAI)("1900-05-31T15:54:16Z")


@given(st.datetimes(min_value=datetime(1890, 1, 1), max_value=datetime(2090, 1, 1)), st.integers(-12 * 60, 14 * 60))  # noqa: DTZ001 - made aware below
def test_an_instant_is_shown_as_the_zone_database_says(moment, offset_minutes):
    """Law: whatever offset an instant is written with, Shanghai's clocks showed one time."""
    moment = moment.replace(tzinfo=UTC)
    written = moment.astimezone(timezone(timedelta(minutes=offset_minutes))).isoformat()
    expected = moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    assert expected == instant_time(OCCURRED, SHANGHAI)(written)
    assert expected[:10] == instant_day(BORN, SHANGHAI)(written)


@given(
    st.datetimes(min_value=datetime(1890, 1, 1), max_value=datetime(2090, 1, 1)),  # noqa: DTZ001 - made aware below
    st.sampled_from(["Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "Africa/Monrovia", "Asia/Shanghai"]),
    st.sampled_from(["Z", ".5Z", ".000001Z"]),
)
def test_an_instant_of_capture_is_shown_as_the_zone_database_says(moment, name, end):
    """Law: hours are remembered as they are shown, but never one in which clocks change or tell other minutes."""
    zone, written = ZoneInfo(name), moment.isoformat(timespec="seconds")
    expected = moment.replace(tzinfo=UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    assert expected == instant_time(OCCURRED, zone)(f"{written}{end}")
    assert written.replace("T", " ") == wall_time(OCCURRED)(f"{written}{end}")


@pytest.mark.parametrize("raw", ["2011-12-31T10:60:00Z", "2011-12-31T24:00:00Z", "2011-12-32T10:00:00Z", "2011-12-31T10:00:0٣Z"])
def test_an_hour_that_is_remembered_vouches_for_no_minute(raw):
    """The hour of the day may be known from other records; what stands beside it must be looked at all the same."""
    convert = instant_time(OCCURRED, SHANGHAI)
    assert "2011-12-31 18:00:00" == convert("2011-12-31T10:00:00Z")
    assert refusal(convert, raw).rule in ("DATETIME", "R20")


@given(st.dates(min_value=date(1000, 1, 1)))
def test_every_day_of_the_calendar_passes(day):
    """Law: no day that exists is refused here; only R20 judges how likely it is."""
    assert day.isoformat() == wall_day(BORN)(f"{day}Z") == wall_day(BORN)(f"{day}T23:59:59Z") == wall_day(BORN)(f" {day} ")


@given(
    st.text(alphabet=st.characters(exclude_categories=("Cs", "Zs", "Cc", "Zl", "Zp")), max_size=80).filter(
        lambda name: not is_blank(name)
    )
)
def test_length_is_counted_in_characters(name):
    """Law: 50 Chinese characters fit into varchar 50, although they are 150 bytes."""
    convert = text(NAME, trim=True, truncate=False)
    if len(name) <= 50:
        assert name == convert(name)
    else:
        assert "LENGTH" == refusal(convert, name).rule
        assert name[:50] == text(NAME, trim=True, truncate=True)(name)


def test_blank_texts_are_no_value_and_ends_are_trimmed():
    """`''` and CHAR padding stand where NULL is meant."""
    convert = text(NAME, trim=True, truncate=False)
    assert ["", "", "", "张三"] == [convert(raw) for raw in ("", "  ", "　", " 张三　")]
    assert " 张三" == text(NAME, trim=False, truncate=False)(" 张三")


def test_a_refusal_never_shows_an_identity_number():
    """Dead letters are read by many; their messages and values are masked."""
    violation = refusal(text(CARD, trim=True, truncate=False), "110101199003078515" * 6)
    assert "199003" not in violation.masked
    assert "199003" not in violation.message


def test_an_unknown_his_code_is_refused_unless_there_is_a_default():
    """A code that nobody translated must not reach the platform as something else."""
    strict = translated(LINE, Translation(name="sex", codes={"M": "1"}, default=None))
    assert ["1", "1", ""] == [strict(raw) for raw in ("M", " M ", " ")]
    violation = refusal(strict, "X")
    assert ("DICTIONARY", DeadClass.DICTIONARY) == (violation.rule, violation.dead_class)
    lenient = translated(LINE, Translation(name="sex", codes={"M": "1"}, default="9"))
    assert ["1", "9", ""] == [lenient(raw) for raw in ("M", "X", "")]


def test_zeros_come_back_only_where_one_code_is_meant():
    """`3` can only be `03`; but `1` stays where `1` is a code, and nothing is guessed between `05` and `005`."""
    convert = padded(dict.fromkeys(("01", "1", "03", "05", "005", "10"), ""))
    assert ["1", "03", "5", "10", "7"] == [convert(raw) for raw in ("1", "3", "5", "10", "7")]
