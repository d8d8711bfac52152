"""What capture has told so far, and what must not have been sent by that."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from tests.oracle.database import KEY_OF, MANY, TWICE, Row, Where
from tests.oracle.expected import SERVICE, Holds, Open, Several, expected
from tests.oracle.messages import Kind, Message
from tests.oracle.standing import Standing


def each(must: Any) -> Mapping[Where, Any]:
    """What each row would give by itself, of a record that several can have."""
    return must.rows if isinstance(must, Several) else {("", ""): must}


def shown(must: Holds, values: Any) -> Any:
    return {name: values.get(name) for name in must.values}


class Known:
    """The rows of the system with several of a kind, as they were sent so far."""

    def __init__(self, *, moves: bool = False) -> None:
        self._moves = moves
        self._standing = Standing()
        self.changed = ""
        """As what the row is reported that came last."""

    def take(self, message: Message) -> None:
        self.changed = ""
        if message.kind is not Kind.ROW or message.repeated or message.value is None:
            return
        value = orjson.loads(message.value or b"")
        row, table = value["after"] or value["before"], f"{value['source']['schema']}.{value['source']['table']}"
        if (where := (table, row[KEY_OF[table]])) in MANY or where in TWICE:
            self.changed = SERVICE[table]
            self._standing.take(where, value, message.server)

    @property
    def rows(self) -> Mapping[Where, Row]:
        """Those that stand there."""
        return self._standing.rows

    def guessed(self, told: list[tuple[str, str, str, Any]]) -> Iterator[str]:
        """What was reported although several rows could be meant."""
        if told and self.rows:
            musts = expected(self.rows, moves=self._moves)
            for kind, service, key, _ in told:
                if kind == "record" and any(isinstance(one, Open) for one in each(musts.get((service, key))).values()):
                    yield f"{service} {key} was reported by a guess"

    def overwritten(self, told: list[tuple[str, str, str, Any]], before: Mapping[tuple[str, str], Any]) -> Iterator[str]:
        """What a row's change sent although another row of the record stands there and says what was reported before. (Where what
        both belong to changed, the first of them is corrected before the other is looked at.)
        """
        sent = [one for one in told if one[0] == "record" and one[1] == self.changed]
        musts = expected(self.rows, moves=self._moves) if sent else {}
        for _, service, key, values in sent:
            held = before.get((service, key), {})
            for must in each(musts.get((service, key))).values():
                if isinstance(must, Holds) and shown(must, held) == must.values != shown(must, values):
                    yield f"{service} {key} was overwritten"
