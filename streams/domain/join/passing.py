"""How far the lanes of one partition are, for rows that left it: of each institution, because what of one is set aside does not
hold the others.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})


class Joined(NamedTuple):
    """What the join of a partition has done with."""

    joined: Mapping[str, int] = _NOTHING
    """By series: the number of the next message."""
    left: Mapping[str, Mapping[str, int]] = MappingProxyType({})
    """By series and institution, `""` for all: the number of the first leave that is open. Who follows it must not pass it."""

    def upto(self, series: str, institution: str) -> int:
        """The number up to which, without it, nothing of an institution is on its way to this join; of any one for `""`."""
        number, left = self.joined.get(series, 0), self.left.get(series, _NOTHING)
        if not institution:
            return min([number, *left.values()])
        return min(number, left.get("", number), left.get(institution, number))


class Passing(NamedTuple):
    """What the join of a partition had done with when all that it had emitted then was delivered."""

    all: Joined = Joined()
    """Of all institutions."""
    others: Joined = Joined()
    """Of each institution that is not set aside there."""
    of: Mapping[str, Joined] = MappingProxyType({})
    """By institution that is."""

    def upto(self, series: str, institution: str) -> int:
        """The number up to which, without it, nothing of an institution is on its way to the platform; of any one for `""`."""
        return self.known(institution).upto(series, institution)

    def known(self, institution: str) -> Joined:
        """What the join had done with when all was delivered of an institution; of all for `""`."""
        return self.of.get(institution, self.others) if institution else self.all


NOTHING: Final = Passing()
"""It is not known that anything is delivered."""
