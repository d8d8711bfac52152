"""Who mends a letter: whoever is asked and cannot mend it loses the day."""

from dataclasses import replace

import pytest

from streams.deadletter.owners import OF_RULES, OWNERS, Owner, owner_of
from streams.domain.normalise.conversions import decimal
from streams.domain.normalise.moments import wall_time
from streams.domain.violations import DeadClass, Unfit
from streams.spec.interface import SERVICES
from tests.unit.streams.deadletter.test_record import LETTER

FIELDS = {field.name: field for service in SERVICES.values() for field in service.fields}


def class_of(convert, value):
    with pytest.raises(Unfit) as refused:
        convert(value)
    return refused.value.violation.dead_class


def test_every_class_has_an_owner():
    """A class that nobody mends is a letter that stays."""
    assert set(DeadClass) == set(OWNERS)


@pytest.mark.parametrize(
    ("dead_class", "rule", "code", "owner"),
    [
        (DeadClass.JOIN_INCOMPLETE, "MISSING_LOOKUP", None, Owner.IT),
        (DeadClass.JOIN_INCOMPLETE, "MISSING_VISIT", None, Owner.CLERK),
        (DeadClass.MAPPING, "DECIMAL", None, Owner.IT),
        (DeadClass.VALIDATION, "DECIMAL", None, Owner.CLERK),
        (DeadClass.REJECTED, "40003", "40003", Owner.CLERK),
        (DeadClass.REJECTED, "-7", "-7", Owner.PLATFORM),
    ],
)
def test_a_letter_is_for_whoever_can_mend_it(dead_class, rule, code, owner):
    """A row of reference that is not there is nothing that a clerk finds in a patient's record."""
    assert owner is owner_of(replace(LETTER, dead_class=dead_class, rule=rule, platform_code=code))
    assert OF_RULES.keys() == {"MISSING_LOOKUP"}


@pytest.mark.parametrize(
    ("value", "dead_class"),
    [
        ("2024/05/01 08:00", DeadClass.MAPPING),
        ("20240501", DeadClass.MAPPING),
        ("1.5.2024", DeadClass.MAPPING),
        ("yesterday", DeadClass.MAPPING),
        ("2024-05-01T08:00:00+08:00", DeadClass.MAPPING),
        ("2024-02-30", DeadClass.VALIDATION),
        ("2024-05-01 25:00", DeadClass.VALIDATION),
    ],
)
def test_a_form_that_is_not_read_is_the_mappings_and_a_day_that_there_is_none_of_the_hospitals(value, dead_class):
    """Forty thousand dates of another form are one line of a mapping; the thirtieth of February is one patient."""
    assert dead_class is class_of(wall_time(FIELDS["FEE_OCUR_TIME"]), value)


@pytest.mark.parametrize(
    ("value", "dead_class"),
    [("1.2345678", DeadClass.MAPPING), ("twelve", DeadClass.VALIDATION), ("1234567890123456789", DeadClass.VALIDATION)],
)
def test_that_nothing_says_how_to_round_is_the_mappings(value, dead_class):
    """A hospital computes with as many places as it likes."""
    convert = decimal(FIELDS["PRIC"], fen=False, rounded=False)
    assert dead_class is class_of(convert, value)
