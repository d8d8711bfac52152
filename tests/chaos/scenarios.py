"""The scenarios: what each does to the flow. Names are those that `make chaos SCENARIOS=…` takes."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from tests.chaos import three_brokers
from tests.chaos.course import Course, Options
from tests.chaos.crew import STAGES, Stage
from tests.chaos.held_institutions import LIVE_S, SHORT, two_held, two_throttled
from tests.chaos.machine_faults import clock, disk_full, state_lost
from tests.chaos.platform_faults import answers_lost, platform
from tests.chaos.restored import AnotherServer

_SESSION_S = 10.0
"""After so long without a sign of life the group goes on without a worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """plan: puts its faults into the course, before the workers start."""

    name: str
    plan: Callable[[Course], None]
    options: Options = field(default_factory=Options)


def _kill(stage: Stage, times: int = 4) -> Callable[[Course], None]:
    def plan(course: Course) -> None:
        for _ in range(times):
            course.at(course.moment(), f"kill -9 {stage}", partial(course.crew.signal, stage, signal.SIGKILL))

    return plan


def _term(course: Course) -> None:
    for stage in STAGES:
        for _ in range(3):
            course.at(course.moment(), f"SIGTERM {stage}", partial(course.crew.signal, stage, signal.SIGTERM))


def _zombie(course: Course) -> None:
    for stage in STAGES:
        for first, last in ((0.05, 0.2), (0.4, 0.6)):
            for_s = course.rng.uniform(_SESSION_S + 3, _SESSION_S + 8)
            course.at(course.moment(first, last), f"freeze {stage} {for_s:.0f} s", partial(course.crew.freeze, stage, for_s))


def _points(stage: Stage, *points: str, count: int = 4, passages: int = 12) -> Callable[[Course], None]:
    return lambda course: course.orders(stage, *points, count=count, passages=passages)


def _dead_letter(course: Course) -> None:
    course.orders("join", "dead-letter", count=4, passages=6)
    course.orders("deliver", "dead-letter", count=3, passages=2)


def _commits(course: Course) -> None:
    for stage in STAGES:
        course.orders(stage, "commit-before", "commit-after", count=4, passages=30)


def _churn(course: Course) -> None:
    """Somebody comes or goes every few seconds."""

    def turn(stage: Stage) -> None:
        if course.crew.wanted[stage] < 3 or (course.crew.wanted[stage] < 4 and course.rng.random() < 0.5):
            course.crew.wanted[stage] += 1
            course.strikes += 1
        else:
            course.crew.dismiss(stage)

    moment = 2.0
    while moment < 0.85 * course.live_s:
        stage = course.rng.choice(STAGES)
        course.at(moment, f"come or go {stage}", partial(turn, stage))
        moment += course.rng.uniform(3, 7)


def _broker_kill(course: Course) -> None:
    for first, last in ((0.1, 0.3), (0.5, 0.7)):
        away_s = course.rng.uniform(1, 4)
        course.at(course.moment(first, last), "kill -9 broker", partial(course.stop_service, "kafka", for_s=away_s))


def _broker_away(course: Course) -> None:
    """Longer than the 120 s of Connect's producer, the 60 s of a transaction, the 40 s of a request."""
    course.at(course.moment(0.2, 0.4), "broker down 130 s", partial(course.stop_service, "kafka", for_s=130))


def _connect_kill(course: Course) -> None:
    """The second time longer than a transaction may be quiet before it counts as over."""
    for first, last, away_s in ((0.1, 0.3, 1), (0.55, 0.75, 12)):
        course.at(course.moment(first, last), "kill -9 connect", partial(course.stop_service, "connect", for_s=away_s))


def _postgres(course: Course) -> None:
    away_s = course.rng.uniform(1, 4)
    course.at(course.moment(0.1, 0.3), "restart postgres", partial(course.stop_service, "postgres", for_s=away_s, kill=False))
    course.at(course.moment(0.5, 0.7), "kill -9 postgres", partial(course.stop_service, "postgres", for_s=away_s))


def _restored(course: Course) -> None:
    """The server is lost when all is accepted, and another one made of a dump (`tests.chaos.restored`)."""
    home, site, stack = course.site.home / "another", course.site, course.stack
    another = course.another = AnotherServer(home=home, database=site.database, endpoints=stack.endpoints, stack=stack)
    course.at(course.moment(0.75, 0.85), "dump", partial(course.aside, another.dump))


def _selection(course: Course) -> None:
    """The short one that runs with all tests."""
    course.at(0.0, "answers lost", partial(course.fault, kind="lost", probability=0.15, for_s=course.live_s))
    course.orders("deliver", "post-after", count=2, passages=3)
    course.at(course.moment(0.1, 0.2), "kill -9 join", partial(course.crew.signal, "join", signal.SIGKILL))
    course.at(course.moment(0.15, 0.2), "kill -9 place", partial(course.crew.signal, "place", signal.SIGKILL))
    course.at(course.moment(0.25, 0.3), "freeze place", partial(course.crew.freeze, "place", _SESSION_S + 3))
    course.at(course.moment(0.25, 0.3), "freeze deliver", partial(course.crew.freeze, "deliver", _SESSION_S + 3))
    course.at(course.moment(0.25, 0.3), "freeze join", partial(course.crew.freeze, "join", _SESSION_S + 3))
    course.at(course.moment(0.42, 0.46), "kill -9 broker", partial(course.stop_service, "kafka", for_s=1))
    course.at(course.moment(0.6, 0.65), "kill -9 deliver", partial(course.crew.signal, "deliver", signal.SIGKILL))
    course.at(course.moment(0.7, 0.8), "kill -9 connect", partial(course.stop_service, "connect", for_s=0))


def _everything(course: Course) -> None:
    """All of them in one run; of those that end a worker at a point, one of each."""
    for scenario in SCENARIOS:
        if scenario.name not in _ONCE_IS_ENOUGH and scenario.options.brokers == 1:
            scenario.plan(course)
    for point in ("post-before", "post-after", "refused", "half-before", "dead-letter", "commit-after", "part"):
        course.orders("deliver", point, count=1, passages=3)
    for point in ("dead-letter", "commit-before", "commit-after"):
        course.orders("join", point, count=1, passages=6)
    for point in ("commit-before", "commit-after"):
        course.orders("place", point, count=1, passages=6)
    course.at(course.moment(0.3, 0.4), "kill -9 broker", partial(course.stop_service, "kafka", for_s=2))
    course.at(course.moment(0.5, 0.6), "kill -9 connect", partial(course.stop_service, "connect", for_s=1))
    course.at(course.moment(0.7, 0.8), "kill -9 postgres", partial(course.stop_service, "postgres", for_s=1))


_ONCE_IS_ENOUGH = {
    *(
        "everything",
        "calm",
        "selection",
        "restored",
        "broker-kill",
        "broker-away",
        "connect-kill",
        "postgres-restart",
        "disk-full",
        "churn",
    ),
    *("kill-before-post", "kill-after-post", "kill-in-bisection", "kill-in-dead-letter", "kill-at-commit", "batch-refused"),
    *("kill-between-parts", "restored", "in-flight", "rearranged"),
}


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(name="calm", plan=lambda _course: None),
    Scenario(name="place-kill", plan=_kill("place")),
    Scenario(name="join-kill", plan=_kill("join")),
    Scenario(name="deliver-kill", plan=_kill("deliver")),
    Scenario(name="kill-before-post", plan=_points("deliver", "post-before")),
    Scenario(name="kill-after-post", plan=_points("deliver", "post-after")),
    Scenario(name="kill-in-bisection", plan=_points("deliver", "refused", "half-before", count=6, passages=2)),
    Scenario(name="kill-in-dead-letter", plan=_dead_letter),
    Scenario(name="kill-at-commit", plan=_commits),
    Scenario(name="kill-between-parts", plan=_points("deliver", "part")),
    Scenario(name="term", plan=_term),
    Scenario(name="zombie", plan=_zombie),
    Scenario(name="churn", plan=_churn),
    Scenario(name="broker-kill", plan=_broker_kill),
    Scenario(name="broker-away", plan=_broker_away, options=Options(patience_s=120)),
    Scenario(name="connect-kill", plan=_connect_kill),
    Scenario(name="postgres-restart", plan=_postgres),
    Scenario(
        name="platform-outage",
        plan=platform(
            {"kind": "outage", "form": "503"}, {"kind": "outage", "form": "reset"}, {"kind": "outage", "form": "refuse"}, times=2
        ),
    ),
    Scenario(
        name="platform-slow",
        plan=platform({"kind": "slow", "delay_s": 0.3, "delay_max_s": 4}, {"kind": "late", "delay_s": 12}),
    ),
    Scenario(name="answer-lost", plan=answers_lost),
    Scenario(name="platform-50000", plan=platform({"kind": "system_error"}, {"kind": "system_error", "judged": True})),
    Scenario(
        name="platform-contradiction",
        plan=platform({"kind": "contradiction"}, {"kind": "contradiction", "form": "redirect", "judged": True}),
    ),
    Scenario(name="platform-html", plan=platform({"kind": "html"}, {"kind": "html", "judged": True})),
    Scenario(
        name="platform-429",
        plan=platform(
            {"kind": "throttled", "retry_after_s": 2},
            {"kind": "throttled", "form": "date"},
            {"kind": "throttled", "form": "none"},
            times=2,
        ),
    ),
    Scenario(name="wrong-key", plan=platform({"kind": "wrong_key"})),
    Scenario(name="two-held", plan=two_held, options=Options(live_s=LIVE_S)),
    Scenario(name="two-held-short", plan=partial(two_held, short=True), options=SHORT),
    Scenario(name="two-throttled", plan=two_throttled, options=SHORT),
    Scenario(name="unauthorised", plan=platform({"kind": "unauthorised"})),
    Scenario(
        name="batch-refused",
        plan=_points("deliver", "refused", "half-before", count=2, passages=6),
        options=Options(refuse_percent=0.3),
    ),
    Scenario(name="rule-2-percent", plan=_kill("deliver", 2), options=Options(refuse_percent=2.0)),
    Scenario(name="state-lost", plan=state_lost),
    Scenario(name="disk-full", plan=disk_full, options=Options(small_disk=True)),
    Scenario(name="clock", plan=clock),
    Scenario(name="restored", plan=_restored),
    Scenario(name="in-flight", plan=lambda _course: None, options=Options(in_flight=True)),
    Scenario(name="rearranged", plan=lambda _course: None, options=Options(rearranges=True)),
    Scenario(name="everything", plan=_everything, options=Options(refuse_percent=1.0, live_s=90, patience_s=60)),
    Scenario(name="selection", plan=_selection),
    *(
        Scenario(name=name, plan=plan, options=Options(live_s=live_s, patience_s=patience_s, brokers=3))
        for name, (plan, live_s, patience_s) in three_brokers.PLANS.items()
    ),
)

USUAL = tuple(scenario.name for scenario in SCENARIOS if scenario.name != "selection")
NAMES = tuple(scenario.name for scenario in SCENARIOS)


def named(name: str) -> Scenario:
    """The scenario of a name, or of several names with `+` between them: all their faults in one run. Raises KeyError."""
    by_name = {scenario.name: scenario for scenario in SCENARIOS}
    parts = [by_name[part] for part in name.split("+")]

    def plan(course: Course) -> None:
        for part in parts:
            part.plan(course)

    options = Options(
        refuse_percent=max(part.options.refuse_percent for part in parts),
        small_disk=any(part.options.small_disk for part in parts),
        live_s=max(part.options.live_s for part in parts),
        patience_s=max(part.options.patience_s for part in parts),
        brokers=max(part.options.brokers for part in parts),
        in_flight=any(part.options.in_flight for part in parts),
        rearranges=any(part.options.rearranges for part in parts),
    )
    return Scenario(name=name, plan=plan, options=options)
