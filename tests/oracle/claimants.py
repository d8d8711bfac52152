"""Who claims which record, and which visit holds it: what the courses of `tests/oracle/collisions.py` are held against."""

from collections import defaultdict

Where = tuple[str, str]
Claim = tuple[str, str]


class Claimants:
    """Who claims what, in the order in which it came, and which visit holds it."""

    def __init__(self) -> None:
        self.all: defaultdict[Claim, list[tuple[Where, str]]] = defaultdict(list)
        self.holder: dict[Claim, str] = {}
        self.without: set[Claim] = set()
        """What nobody claimed for a while."""

    def stands(self, where: Where, claim: Claim | None, visit: str | None) -> None:
        """A row has this claim now; None: none."""
        if visit is None:
            claim = None
        for one, rows in self.all.items():
            if one != claim and any(row == where for row, _ in rows):
                self.all[one] = [each for each in rows if each[0] != where]
                self._hold(one)
        if claim is None or visit is None:
            return
        rows = self.all[claim]
        if any(row == where for row, _ in rows):
            self.all[claim] = [(row, visit if row == where else at) for row, at in rows]
        else:
            rows.append((where, visit))
        self._hold(claim)

    def _hold(self, claim: Claim) -> None:
        rows, held = self.all[claim], self.holder.get(claim)
        if rows:
            if rows[0][1] != held:
                rows.sort(key=lambda one: one[1] != held)
            self.holder[claim] = rows[0][1]
        else:
            self.without.add(claim)

    def of(self, where: Where) -> set[Claim]:
        """What a row claims."""
        return {claim for claim, rows in self.all.items() if any(row == where for row, _ in rows)}

    def is_new(self, claim: Claim | None, visit: str | None) -> bool:
        """Whether nobody claims it now, and another visit held it last."""
        return claim is not None and visit is not None and not self.all[claim] and self.holder.get(claim, visit) != visit
