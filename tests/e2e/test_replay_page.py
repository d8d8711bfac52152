"""The page "From 40,000 letters to zero", walked as it is printed, on a real database, broker, Connect and platform; and at its end
the same demands as `make replay-proof` has, on some dozens of letters.
"""

import json
import random
import re
import subprocess
import time

import pytest
from typer.testing import CliRunner

from streams.replay.plan import load
from tests.forks import loaded
from tests.patience import PATIENCE_S
from tests.replay.days import Days
from tests.replay.evidence import Letters, demand_agreement, judged
from tests.replay.night import Night
from tests.replay.page import PAGE, commands
from yibao.main import build
from yibao.persons import PERSON_VARIABLE

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

VISITS = 8
FILE = "replay-ID.plan"
CAUSE = "class:DICTIONARY cause:ZL"
STAGES = ("place", "join", "deliver")


@pytest.fixture
def night(stack, tmp_path):
    """A site on the run's stack, after a bad night."""
    made = Here(tmp_path, stack, name="replayed", wait_s=2, approve_above=5, partitions=3)
    try:
        yield made
    finally:
        made.end()
        made.remove()


class Here(Night):
    """Its commands run in this process, and its programs are forks: to begin from nothing takes seconds each. Its workers have no
    supervisor but this.
    """

    def begin(self, *words, name):
        process = loaded().fork([*map(str, words)], log=self.folder / f"{name}.log", cwd=self.folder, env=self._environment())
        self.running[name] = process
        return process

    def start_workers(self):
        for stage in STAGES:
            self.begin("worker", stage, name=stage)

    def stop(self, name):
        for one in STAGES if name == "workers" else [name]:
            super().stop(one)

    def kill_a_worker(self, rng):
        stage = rng.choice(STAGES)
        self.running[stage].kill()
        self.running[stage].wait(PATIENCE_S)
        self.begin("worker", stage, name=stage)
        self.kills += 1

    def tried(self, *words, by=""):
        with pytest.MonkeyPatch.context() as env:
            env.chdir(self.folder)
            env.setenv("YIBAO_CONFIG", str(self.site_file))
            env.setenv(PERSON_VARIABLE, by or "clerk")
            words = [*map(str, words)]
            found = CliRunner().invoke(build(words), words)
        code, said = found.exit_code, f"{found.stderr} {found.exception or ''}"
        return subprocess.CompletedProcess(words, code, found.stdout, said)


class Walk:
    """The page's commands, with the names of the plan and of a letter in their places."""

    def __init__(self, night):
        self._night = night
        self.plan = self.letter = ""

    def typed(self, words, *, by="", code=0):
        """What a command prints."""
        words = [self.plan if word == FILE else self.letter if word == "ID" else word for word in words]
        found = self._night.tried(*words, by=by)
        assert code in (None, found.returncode), (words, found.stdout, found.stderr)
        return found.stdout

    def asked(self, *words):
        return json.loads(self.typed([*words, "-o", "json"], code=None))

    def until(self, what, look):
        """Look again until it holds."""
        until = time.monotonic() + PATIENCE_S
        while not (found := look()):
            assert time.monotonic() < until, what
            time.sleep(0.5)
        return found


def test_the_page_leads_from_letters_to_none(night):
    """Whoever has thousands of them at night types what stands there, and nothing else."""
    page = commands()
    night.prepare(refused_percent=0, wrong_key=False, workers=True)
    days = Days(night.connect, visits=VISITS)
    days.before()
    walk = Walk(night)
    wanted = CAUSE.split()
    before = walk.until("letters", lambda: _settled(walk, night, wanted))
    looks, (plan,), (approve, run), (status, verify, cancel, summary) = page[1], page[3], page[4], page[5]
    walk.letter = walk.asked("dlq", "list", *wanted)["letters"][0]["id"]
    for words in looks:
        assert "ZL" in walk.typed(words)
    night.mend()
    days.after(rate=400)
    night.kill_a_worker(random.Random(1))
    made = walk.typed(plan)
    walk.plan = re.search(r"replay-[0-9a-f]+\.plan", made)[0]
    walk.typed(approve, by="another")
    walk.typed(run)
    walk.typed(status)
    walk.until("every letter has its end", lambda: _verified(walk, verify))
    assert "all of it is done" in walk.typed(verify)
    walk.until("no letter of the cause is left", lambda: walk.asked("dlq", "summary", *wanted)["total"] == 0)
    walk.typed(cancel)
    assert "ZL" not in walk.typed(summary)
    walk.until("stillness", lambda: _still(night))
    file = night.folder / walk.plan
    letters = Letters.of(night)
    ending = load(file.read_bytes()).ending
    demand_agreement(night, [{"file": file, "plan": walk.plan, "ending": ending}], days, letters)
    judgement = judged(night, days, letters)
    assert len(ending) > before / 2
    assert judgement.accepted.total() > len(ending)


def _settled(walk, night, wanted):
    """How many letters there are, once nothing waits for a stage and they do not grow."""
    if _waits(night) or not (first := walk.asked("dlq", "summary", *wanted)["total"]):
        return 0
    if not walk.asked("dlq", "summary", "rule:MISSING_LOOKUP")["total"] or _waits(night):
        return 0
    return first if first == walk.asked("dlq", "summary", *wanted)["total"] else 0


def _waits(night):
    """Whether something waits for a stage. A command that asks takes a second of the workers' processor."""
    lags = night.lags()
    return lags is None or any(waiting for _, waiting in lags)


def _verified(walk, words):
    return json.loads(walk.typed([*words, "-o", "json"], code=None))["done"]


def _still(night):
    """Whether nothing waits, and nothing came within a second."""
    size, waits = night.taken_bytes, _waits(night)
    time.sleep(1)
    return not waits and size == night.taken_bytes


def test_the_page_names_no_command_twice_by_mistake():
    """A block whose commands are not understood would not be walked."""
    found = commands()
    assert [4, 1, 2, 4] == [len(found[number]) for number in (1, 3, 4, 5)], PAGE
