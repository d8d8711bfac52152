"""Identity numbers: a wrong digit is a patient nobody finds."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.spec.identity import birth_date, check_digit, sex, valid_fixmedins_code, valid_resident_id

first_17 = st.builds(
    lambda area, day, serial: f"{area:06d}{day:%Y%m%d}{serial:03d}",
    st.integers(110000, 820000),
    st.dates(date(1900, 1, 1), date(2099, 12, 31)),
    st.integers(0, 999),
)


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        ("51010219381005541X", True),
        ("51010219381005541x", True),
        ("120103199805161212", False),  # the guide's own sample fails
        ("11010519491231002X", True),
        ("110105194912310020", False),
        ("11010519490230002X", False),  # no 30 February
        ("110105491231002", False),  # 15 digits are out of use
        ("51010219381005541Ⅹ", False),
        ("５1010219381005541X", False),
        ("", False),
    ],
)
def test_a_resident_id_is_valid_when_its_day_exists_and_its_check_digit_fits(number, valid):
    """GB 11643; look-alike characters from a Chinese keyboard are not digits."""
    assert valid is valid_resident_id(number)


@given(first_17, st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(digits, place, shift):
    """That is what the check digit is for: every single slip of a finger shows."""
    number = digits + check_digit(digits)
    slipped = digits[:place] + str((int(digits[place]) + shift) % 10) + digits[place + 1 :] + number[17]
    assert valid_resident_id(number)
    assert not valid_resident_id(slipped)


@given(first_17)
def test_the_number_states_birth_date_and_sex(digits):
    """Rule R23 compares both with the record."""
    number = digits + check_digit(digits)
    assert date(int(digits[6:10]), int(digits[10:12]), int(digits[12:14])) == birth_date(number)
    assert ("2", "1")[int(digits[16]) % 2] == sex(number)


@pytest.mark.parametrize("text", ["", "H12345678", "51010219381005541", "51010219389905541X"])
def test_what_is_no_resident_id_states_no_birth_date(text):
    """A passport number must not yield a birthday."""
    assert birth_date(text) is None


@pytest.mark.parametrize("text", ["", "1234567890123456", "1234567890123456X", "1234567890123456７"])
def test_a_check_digit_needs_17_digits(text):
    """A check digit of something else would look right."""
    with pytest.raises(ValueError, match="17 digits"):
        check_digit(text)


@pytest.mark.parametrize(
    ("code", "valid"),
    [("H36110200001", True), ("P36110200001", True), ("h36110200001", False), ("H3611020000", False), ("H36110200001\n", False)],
)
def test_an_institutions_code_has_its_shape(code, valid):
    """It becomes the first 12 characters of every msgid."""
    assert valid is valid_fixmedins_code(code)
