"""Does capture send a change again? After a crash, a restart or a take-over it repeats what it sent before.

The order in the topic is the truth: of two contents of a row, the one that comes later counts, wherever it stands in the database's
log. (The log's order is not that of the commits; another server begins at a lower place; rows that a snapshot reads on demand have
none.) So a mark only recognises what was folded before. What it does not recognise is folded.
"""

from collections.abc import Sequence

from connector.contract import BY_TRANSACTION, Mark


def again(change: Mark | None, known: Mark | None) -> bool:
    """Whether a change with this mark was folded before, where `known` is the mark of its row.

    A repetition stands no later in the log, and was committed no later, than the last change of its row that was folded. One of
    both is not enough: another server's log begins at lower places, and a clock may be set back. Where places within a transaction
    prove nothing (`BY_TRANSACTION`), a repetition is of an earlier transaction, or the very change that was folded last.
    """
    return (
        change is not None
        and known is not None
        and change.place <= known.place
        and change.ts_us <= known.ts_us
        and change.server == known.server
        and (len(change.place) != BY_TRANSACTION or change.place[:2] != known.place[:2] or change.place == known.place)
    )


def after(change: Mark | None, known: Mark | None) -> Mark | None:
    """The mark of a row, also of a deleted one, after a change was folded. A row that was read keeps the mark that it had.

    The time never goes back, as a clock may: otherwise changes of before that would come to life when they are sent again.
    """
    if change is None or known is None:
        return change or known
    if change.ts_us >= known.ts_us or change.server != known.server:
        return change
    return change._replace(ts_us=known.ts_us)


def mark_of_earlier(position: Sequence[int] | None, committed_at: int, *, deleted: bool) -> Mark | None:
    """The mark of a row whose entry is of a form without marks, so that what capture sends again after the update is recognised.

    Such a version did not say whether the row had been read or changed. A row that was read has the time of its snapshot, and what
    was committed after that is no repetition.
    """
    if position is None:
        return None
    return Mark((*position, 0 if deleted else 1), committed_at * 1000 + 999)
