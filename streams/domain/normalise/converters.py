"""The conversion of one field, put together from its steps, with the interface's checks of its length, number, date and code."""

from datetime import tzinfo
from typing import Final

from streams.domain.normalise.conversions import Conversion, Convert, decimal, padded, text, translated
from streams.domain.normalise.moments import instant_day, instant_time, wall_day, wall_time
from streams.domain.normalise.written import compact_uuid, in_pattern, since_1970
from streams.domain.validate.judge import OPEN_CODES
from streams.domain.validate.rules import RuleLevel
from streams.domain.violations import DeadClass, Unfit, unfit, warning
from streams.spec.dictionaries import Dictionary
from streams.spec.fields import Field, FieldKind

_REMEMBERED: Final = 2048


class _Remembered(dict[str, str]):
    """A conversion that remembers its last results: for fields with few different values."""

    def __init__(self, convert: Convert) -> None:
        super().__init__()
        self._convert = convert

    def __missing__(self, raw: str) -> str:
        value = self._convert(raw)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[raw] = value
        return value


def remembered(convert: Convert) -> Convert:
    """`convert`, remembering results. Refusals and warnings are not remembered."""
    return _Remembered(convert).__getitem__


def converter(
    field: Field, conversion: Conversion, *, dictionary: Dictionary | None, zone: tzinfo, open_codes: RuleLevel | None
) -> Convert:
    """The conversion of one field, its interface checks included. open_codes: the site's level for codes that are missing from a
    list which may be incomplete.
    """
    steps = [_shape(field, conversion, zone)]
    if conversion.translation is not None:
        steps.insert(0, translated(field, conversion.translation))
    if dictionary is not None and field.kind is FieldKind.TEXT:
        if conversion.pad_zeros:
            steps.append(padded(dictionary.codes))
        if dictionary.closed or open_codes != "off":
            steps.append(_in_dictionary(field, dictionary, open_codes))
        return remembered(chain(steps))
    return remembered(chain(steps)) if conversion.translation is not None else chain(steps)


def _shape(field: Field, conversion: Conversion, zone: tzinfo) -> Convert:
    match conversion.read_as:
        case FieldKind.TEXT if conversion.compact:
            return chain([compact_uuid(field), text(field, trim=True, truncate=False)])
        case FieldKind.TEXT:
            return text(field, trim=conversion.trim, truncate=conversion.truncate)
        case FieldKind.DECIMAL:
            return decimal(field, fen=conversion.fen, rounded=conversion.round)
        case FieldKind.DATE:
            shown = instant_day(field, zone) if conversion.instant or conversion.unix else wall_day(field)
        case FieldKind.DATETIME:
            shown = instant_time(field, zone) if conversion.instant or conversion.unix else wall_time(field)
    if conversion.written:
        shown = chain([in_pattern(field, conversion.written), shown])
    elif conversion.unix is not None:
        shown = chain([since_1970(field, conversion.unix), shown])
    if field.kind is FieldKind.TEXT:
        return chain([shown, text(field, trim=True, truncate=conversion.truncate)])
    return shown


def chain(steps: list[Convert]) -> Convert:
    """One conversion after the other."""
    if len(steps) == 1:
        return steps[0]
    first, *others = steps
    rest = chain(others)
    return lambda raw: rest(first(raw))


def _in_dictionary(field: Field, dictionary: Dictionary, open_codes: RuleLevel | None) -> Convert:
    codes, refuses = dictionary.codes, dictionary.closed or open_codes == "refuse"

    def convert(value: str) -> str:
        if not value or value in codes:
            return value
        message = f"的代码不在字典 {dictionary.name} 中"
        refusal = unfit(field, OPEN_CODES, value=value, message=message, dead_class=DeadClass.DICTIONARY)
        raise refusal if refuses else Unfit(warning(refusal.violation), value)

    return convert
