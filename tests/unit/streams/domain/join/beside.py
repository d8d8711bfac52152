"""What a partition's state in dictionaries says of a visit's rows, looked up in all of them each time."""

from connector.contract import TableRole
from streams.domain.join.claims import claims_in
from streams.domain.join.entries import due_from, is_held_refund, item_in, waits


def waiting_rows(visits, at):
    """The visits with rows that wait, and whose time is over or that wait for a lookup; with the keys of these rows."""
    for visit, entries in visits.items():
        if keys := [key for key, value in entries.items() if waits(value) and due_from(value) <= at]:
            yield visit, keys


class LookedThrough:
    """For a view that has `of_role` and `entries_beside`: what the worker's state finds by its index."""

    def get(self, key):
        return self.entries_beside(key).get(key)

    def lines_known(self, visit_key):
        return len(self.of_role(visit_key, TableRole.FEE))

    def holds_refunds(self, visit_key):
        return bool(self.refunds(visit_key, None))

    def refunds(self, visit_key, items=None):
        held = {key: value for key, value in self.of_role(visit_key, TableRole.FEE).items() if is_held_refund(key, value)}
        return {key for key, value in held.items() if items is None or item_in(value) in (None, *items)}

    def lines_under(self, visit_key, settlement):
        del settlement  # the fold looks at each
        return self.of_role(visit_key, TableRole.FEE)

    def claims(self, visit_key, role, claim):
        return claims_in(self.of_role(visit_key, role)).get(claim, ())
