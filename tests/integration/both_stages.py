"""Workers of both stages on a broker, as a site runs them."""

import time
from contextlib import ExitStack

from streams.broker_wiring import client_options
from streams.deliver.ledger import read_receipts
from streams.mapping import load_site
from tests.forks import worker
from tests.patience import PATIENCE_S

_AGAIN_S = 0.3
"""Who asks without a pause takes the workers' processor."""


def accepted_lines(file):
    """The lines of all receipts, with the service of each."""
    return _accepted(load_site(file))


def _accepted(site):
    receipts = read_receipts(client_options(site), site.topics.receipts)
    return [(receipt.service, line) for receipt in receipts for line in receipt.records]


def run_until(file, home, count, *, stages=("join", "deliver")):
    """One worker of each of these stages, until so many records are accepted; the workers, ended."""
    with ExitStack() as running:
        workers = [running.enter_context(worker(stage, site=file, home=home)) for stage in stages]
        site, until = load_site(file), time.monotonic() + PATIENCE_S
        while (accepted := len(_accepted(site))) < count:
            for one in workers:
                one.check()
            assert time.monotonic() < until, f"{accepted} of {count}"
            time.sleep(_AGAIN_S)
    return workers
