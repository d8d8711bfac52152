"""`make oracle-proof`: many random courses through the join, each held against the naive oracle. A seed is a course."""

import argparse
import sys
from dataclasses import fields, replace

import orjson

from tests.oracle.course import course
from tests.oracle.features import KEPT, Features
from tests.oracle.verdict import faults

STEP = 1_000


def main() -> int:
    """0 when no course went wrong, 1 when one did."""
    asked = arguments()
    features = replace(KEPT, **dict.fromkeys(asked.feature, True))
    if asked.show is not None:
        return show(asked.show, features)
    wrong = []
    for begin in range(asked.first, asked.first + asked.count, STEP):
        end = min(begin + STEP, asked.first + asked.count)
        for seed in range(begin, end):
            if found := faults(course(seed, features), features):
                wrong.append(seed)
                print(f"seed {seed}: {found[0]}" + (f" (and {len(found) - 1} more)" if len(found) > 1 else ""), flush=True)
        print(f"seeds {asked.first} to {end - 1}: {len(wrong)} went wrong", flush=True)
    if wrong:
        print(f"look at one of them: python -m tests.oracle --show {wrong[0]}")
    return 1 if wrong else 0


def show(seed: int, features: Features) -> int:
    """Print a course, message by message, and what went wrong in it."""
    told = course(seed, features)
    for number, message in enumerate(told.messages):
        if message.value is None:
            print(number, message.kind.name)
            continue
        value = orjson.loads(message.value)
        row, source = value["after"] or value["before"], value["source"]
        differing = {name: content for name, content in row.items() if name not in ALIKE}
        again = "again " if message.repeated else ""
        print(number, f"{again}{value['op']} {source['table']} lsn={source['lsn']} ts_us={source['ts_us']}", differing)
    found = faults(told, features)
    print(*found or ["nothing went wrong"], sep="\n")
    return 1 if found else 0


ALIKE = {"org", "kind", "begin_at", "tel", "addr", "employer", "contact", "card", "settled_at", "occurred_at", "quantity"}
"""Columns that are the same in all rows."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle")
    parser.add_argument("--first", type=int, default=0, help="first seed; go on here after an interruption")
    parser.add_argument("--count", type=int, default=50_000, help="how many seeds")
    parser.add_argument("--show", type=int, metavar="SEED", help="print one course and what went wrong in it")
    names = [field.name for field in fields(Features)]
    parser.add_argument("--feature", action="append", default=[], choices=names, help="with what the join does not keep yet")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
