"""A change of a row that is several things at once (`streams.domain.several_roles`): placed for each of them, in one transaction.

What a row is for one of its roles is in no entry of its state what it is for another one, so that each of them finds the state as
it was before the message.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from streams.domain.changes import Incoming
from streams.domain.place.entries import View
from streams.domain.place.going import Going, after_role, of_role
from streams.domain.place.placed import Folded
from streams.domain.several_roles import for_role


class Fold(Protocol):
    """Places one message."""

    def __call__(self, incoming: Incoming, view: View, *, going: Going) -> Folded:
        """What it leads to."""


def each_role(  # noqa: PLR0913 - the message, and what its lane knows
    fold: Fold, incoming: Incoming, envelope: Mapping[str, Any], view: View, *, going: Going, further: tuple[str, ...]
) -> Folded:
    """What a change leads to for each role of its table. further: what the table is called for those behind the first."""
    folded = fold(incoming, view, going=going)
    for name in further:
        one = incoming._replace(value=orjson.dumps(for_role(envelope, name)))
        then = fold(one, view, going=of_role(folded.going, name))
        folded = Folded(
            (*folded.placed, *then.placed),
            folded.outcome,
            after_role(then.going, folded.going, name),
            {**folded.state, **then.state},
            folded.gave_up + then.gave_up,
        )
    return folded
