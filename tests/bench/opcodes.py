"""`python -m tests.bench.opcodes`: what the join does with a change, in bytecodes of Python, by the module that they stand in.

The fold with the lane's view of the state, chunk by chunk, on messages as the place stage writes them; without brokers, and the
state in memory. Bytecodes are not time: the work of C is not in them. But no load disturbs them, so two versions can be compared at
any hour, and a change that saves nothing shows nothing.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from streams.domain.changes import Incoming
from streams.domain.join.fold import Joiner
from streams.domain.join.indexed import Index
from streams.domain.series import FROM, NUMBER
from streams.fold_wiring import joiner_of
from streams.lanes.join.overlay import Overlay
from streams.lanes.join.state import State
from streams.lanes.ports import TopicPartition
from streams.mapping import compile_site, load_site
from tests.bench.messages import SAMPLE, Load, Message, hospital_messages
from tests.bench.parts import Known

_CHECKOUT: Final = Path(__file__).parents[2]
_CAPTURED_MS: Final = 1_760_000_000_000
_LEAST: Final = 5.0


def main() -> None:
    """Count."""
    asked = argparse.ArgumentParser(prog="python -m tests.bench.opcodes", description=__doc__.partition("\n")[0])
    asked.add_argument("--visits", type=int, default=40)
    asked.add_argument("--functions", action="store_true", help="by function")
    chosen = asked.parse_args()
    lookups, changes = hospital_messages(chosen.visits, partitions=1)
    counted = count(Load(lookups=lookups, changes=changes, partitions=1))
    found: Counter[str] = Counter()
    for code, opcodes in counted.items():
        module = code.co_filename.removeprefix(f"{_CHECKOUT}/")
        found[f"{module} {code.co_qualname}" if chosen.functions else module] += opcodes
    print(f"{sum(found.values()) / len(changes):8.1f} a change, in {len(changes)} changes")
    for name, opcodes in found.most_common():
        if (each := opcodes / len(changes)) >= _LEAST:
            print(f"{each:8.1f} {name}")


def count(load: Load) -> Counter[CodeType]:
    """The bytecodes of folding a load once more, in a state of its own: what is made once a process was made before."""
    opcodes: Counter[CodeType] = Counter()

    def in_function(frame: FrameType, event: str, _: Any) -> Any:
        if event == "opcode":
            opcodes[frame.f_code] += 1
        return in_function

    def at_call(frame: FrameType, _event: str, _: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return in_function

    site = load_site(SAMPLE)
    known, index = Known(load), Index(compile_site(site))
    chunks = list(_chunks(load.changes, site.join.max_chunk))
    before = sys.gettrace()
    for trace in (before, at_call):
        state, joiner = State(TopicPartition("state", 0), index=index), joiner_of(site)
        sys.settrace(trace)
        _fold(chunks, joiner, state, known)
        sys.settrace(before)
    return opcodes


def _fold(chunks: Sequence[Sequence[Incoming]], joiner: Joiner, state: State, known: Known) -> None:
    """Fold what a lane has before it."""
    for chunk in chunks:
        overlay = Overlay(state)
        for incoming in chunk:
            folded = joiner.fold(incoming, overlay, known)
            overlay.apply(folded.state)
            overlay.note(folded.missing)
        state.apply(overlay.changed, position=state.position + len(overlay.changed))
        state.note(overlay.missing)


def _chunks(changes: Sequence[Message], most: int) -> Iterator[list[Incoming]]:
    for first in range(0, len(changes), most):
        yield [
            Incoming(one.topic, 0, offset, one.key, one.value, ((FROM, b"his/bench"), (NUMBER, b"%d" % (offset + 1))), _CAPTURED_MS)
            for offset, one in enumerate(changes[first : first + most], start=first)
        ]


if __name__ == "__main__":
    main()
