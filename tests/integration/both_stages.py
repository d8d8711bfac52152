"""Workers of both stages on a broker, as a site runs them."""

import time
from contextlib import ExitStack

from streams.deliver.ledger import read_receipts
from streams.mapping import load_site
from streams.wiring import client_options
from tests.bench.processes import worker
from tests.patience import PATIENCE_S


def accepted_lines(file):
    """The lines of all receipts, with the service of each."""
    site = load_site(file)
    receipts = read_receipts(client_options(site), site.topics.receipts)
    return [(receipt.service, line) for receipt in receipts for line in receipt.records]


def run_until(file, home, count, *, stages=("join", "deliver")):
    """One worker of each of these stages, until so many records are accepted; the workers, ended."""
    with ExitStack() as running:
        workers = [running.enter_context(worker(stage, site=file, home=home)) for stage in stages]
        until, accepted = time.monotonic() + PATIENCE_S, 0
        while accepted < count:
            for one in workers:
                one.check()
            assert time.monotonic() < until, f"{accepted} of {count}"
            accepted = len(accepted_lines(file))
    return workers
