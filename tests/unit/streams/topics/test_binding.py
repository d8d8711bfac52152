"""Whose topics these are: what a copy of a site's file may do, and what a person must say aloud."""

from dataclasses import replace

import orjson
import pytest

from streams.errors import Fatal, Newer
from streams.topics.binding import Binding, Entry, SiteIdentity, in_force, objection
from streams.topics.rebinding import BindingAction, Consent, beside, plan_binding

SITE = SiteIdentity(
    site="first-hospital", prefix="h.", platform="https://real.example:443/fsp", sources={"his": "postgresql://db.his:5432/his"}
)
TOPIC = "h.site.binding"
COPY = replace(SITE, platform="http://test.example:80")
NOTHING_SAID = Consent()


def entry(name, *, why=""):
    return Entry(id=name, at="2026-11-28T20:00:00+08:00", by="ops@gateway", why=why)


BOUND = Binding(identity=SITE, mark="0a1b", entry=entry("first"))


def planned(here, *, bound=BOUND, worked=True, **said):
    return plan_binding(bound, here, topic=TOPIC, worked=worked, consent=replace(NOTHING_SAID, **said))


def test_the_site_itself_has_no_objection():
    """Or every start would be an alarm."""
    assert objection(BOUND, SITE, topic=TOPIC) is None


def test_a_copy_with_another_platform_is_told_what_differs_who_bound_it_and_what_to_do():
    """Whoever reads it at night knows neither that there is a copy nor where the topics are bound."""
    told = f"{objection(BOUND, COPY, topic=TOPIC)}"
    for word in (COPY.platform, SITE.platform, "ops@gateway", "2026-11-28T20:00", TOPIC, "kafka.topic_prefix", "--rebind platform"):
        assert word in told


@pytest.mark.parametrize(
    ("here", "what"),
    [
        (replace(SITE, site="second-hospital"), "--rebind site"),
        (replace(SITE, sources={"his": "postgresql://other:5432/his"}), "--rebind sources.his"),
        (replace(SITE, sources={"emr": "postgresql://db.his:5432/his"}), "--rebind sources.his"),
        (replace(SITE, prefix="t."), "A prefix never changes"),
        (replace(SITE, sources={**SITE.sources, "emr": "postgresql://emr:5432/emr"}), "run `yibao topics apply`, which binds"),
    ],
)
def test_every_part_of_a_site_counts(here, what):
    """Another database under the same name is another hospital; a source that is only new needs no more than `topics apply`."""
    assert what in f"{objection(BOUND, here, topic=TOPIC)}"


def test_unbound_topics_are_nobodys():
    """A worker that bound them itself would bind them to the copy, if the copy started first."""
    assert "not bound to a site" in f"{objection(None, SITE, topic=TOPIC)}"


RENAMED = replace(SITE, sources={"emr": "postgresql://db.his:5432/his"})


@pytest.mark.parametrize(
    ("plan", "action"),
    [
        (planned(SITE, bound=None, worked=False), BindingAction.BIND),
        (planned(SITE, bound=None), BindingAction.REFUSE),
        (planned(SITE, bound=None, bind=True), BindingAction.ADOPT),
        (planned(SITE), BindingAction.UNCHANGED),
        (planned(SITE, bind=True), BindingAction.UNCHANGED),
        (planned(COPY), BindingAction.REFUSE),
        (planned(COPY, bind=True), BindingAction.REFUSE),
        (planned(COPY, rebind=("platform",)), BindingAction.REFUSE),
        (planned(COPY, rebind=("platform",), why="moved"), BindingAction.REBIND),
        (planned(COPY, rebind=("platform", "site"), why="moved"), BindingAction.REFUSE),
        (planned(SITE, rebind=("platform",), why="moved"), BindingAction.REFUSE),
        (planned(SITE, bound=None, rebind=("platform",), why="moved"), BindingAction.REFUSE),
        (planned(replace(COPY, site="copy"), rebind=("platform",), why="moved"), BindingAction.REFUSE),
        (planned(replace(COPY, site="copy"), rebind=("platform", "site"), why="moved"), BindingAction.REBIND),
        (planned(replace(SITE, prefix="t."), rebind=("prefix",), why="copied"), BindingAction.REFUSE),
        (planned(replace(SITE, sources={**SITE.sources, "emr": "postgresql://emr:5432/emr"})), BindingAction.EXTEND),
        (planned(RENAMED), BindingAction.REFUSE),
        (planned(RENAMED, rebind=("sources.his",), why="a better name"), BindingAction.REFUSE),
        (planned(RENAMED, rebind=("sources.his",), why="another system", report_again=True), BindingAction.REBIND),
        (planned(RENAMED, report_again=True), BindingAction.REFUSE),
        (planned(replace(SITE, sources={}), rebind=("sources.his",), why="it was closed"), BindingAction.REBIND),
        (
            planned(
                SiteIdentity(site="x", prefix="h.", platform="http://x:80", sources={"his": "postgresql://x:1/x"}),
                rebind=("platform", "site", "sources.his"),
                why="a file from elsewhere",
            ),
            BindingAction.REFUSE,
        ),
    ],
)
def test_what_becomes_of_the_binding(plan, action):
    """Only what a person names changes, with a reason; a copy never binds itself, and no part that has not changed is named."""
    assert (action, action is BindingAction.REFUSE) == (plan.action, bool(plan.refusal))


def test_a_source_under_another_name_is_told_what_that_costs():
    """Its rows are known under the old name: all of them would be reported once more, and none of the old ones corrected again."""
    told = planned(RENAMED, rebind=("sources.his",), why="a better name").refusal
    assert ("Keep the name his" in told, "--rebind sources.his --report-everything-again" in told) == (True, True)


HOSPITALS = replace(SITE, institutions={"H36110200001": "H36110200001", "10": "H36110200001", "H36110300002": "H36110300002"})
WITH_HOSPITALS = replace(BOUND, identity=HOSPITALS)


def hospitals(**names):
    return replace(SITE, institutions={name.removeprefix("_"): code for name, code in names.items()})


ADDED = hospitals(**HOSPITALS.institutions, P36110200101="P36110200101")
LESS = hospitals(H36110200001="H36110200001", _10="H36110200001")
MISTYPED = hospitals(H36110200011="H36110200011", _10="H36110200011", H36110300002="H36110300002")
OWN_CODE_MISTYPED = hospitals(H36110200001="H36110200001", _10="H36110200001", H36110300003="H36110300003")
OTHER_NAME = hospitals(H36110200001="H36110200001", _10="H36110300002", H36110300002="H36110300002")


@pytest.mark.parametrize(
    ("here", "bound", "what"),
    [
        (HOSPITALS, WITH_HOSPITALS, ""),
        (HOSPITALS, BOUND, ""),
        (LESS, WITH_HOSPITALS, ""),
        (HOSPITALS, replace(WITH_HOSPITALS, identity=ADDED), ""),
        (ADDED, WITH_HOSPITALS, "run `yibao topics apply`, which binds"),
        (MISTYPED, WITH_HOSPITALS, "--rebind institutions.H36110200001 --rebind institutions.10 --why"),
        (OWN_CODE_MISTYPED, WITH_HOSPITALS, "--rebind institutions.H36110300002 --why"),
        (OTHER_NAME, WITH_HOSPITALS, "--rebind institutions.10 --why"),
    ],
    ids=["same", "bound before", "one less", "old file while one is added", "one more", "mistyped", "no other name", "moved name"],
)
def test_an_institution_under_another_code_is_told_before_a_record_carries_it(here, bound, what):
    """A mistyped code reports a hospital's rows under another one, and what it reported is corrected and withdrawn never again."""
    found = objection(bound, here, topic=TOPIC)
    assert (bool(what), True) == (found is not None, what in f"{found}")


@pytest.mark.parametrize(
    ("plan", "action"),
    [
        (planned(HOSPITALS), BindingAction.EXTEND),
        (planned(ADDED, bound=WITH_HOSPITALS), BindingAction.EXTEND),
        (planned(LESS, bound=WITH_HOSPITALS), BindingAction.UNCHANGED),
        (planned(MISTYPED, bound=WITH_HOSPITALS), BindingAction.REFUSE),
        (planned(MISTYPED, bound=WITH_HOSPITALS, rebind=("institutions.10",), why="x"), BindingAction.REFUSE),
        (
            planned(MISTYPED, bound=WITH_HOSPITALS, rebind=("institutions.10", "institutions.H36110200001"), why="issued anew"),
            BindingAction.REBIND,
        ),
        (planned(replace(COPY, institutions=HOSPITALS.institutions), bound=WITH_HOSPITALS), BindingAction.REFUSE),
    ],
)
def test_what_becomes_of_bound_institutions(plan, action):
    """One more is bound with the next `topics apply`; a code that changes is named by a person."""
    assert (action, action is BindingAction.REFUSE) == (plan.action, bool(plan.refusal))


def test_an_institution_that_left_the_file_stays_bound():
    """It may come back under a code that was mistyped; only what a person named goes."""
    added = planned(hospitals(H36110200001="H36110200001", _10="H36110200001", _11="H36110200001"), bound=WITH_HOSPITALS)
    assert BindingAction.REFUSE is added.action  # one went and one came: which may be a renaming
    alone = planned(replace(LESS, sources={**SITE.sources, "emr": "postgresql://emr:5432/emr"}), bound=WITH_HOSPITALS)
    written = alone.binding(entry("next"), fresh_mark="0000")
    assert HOSPITALS.institutions == written.identity.institutions


TWIN = replace(SITE, site="copy", prefix="t.")


@pytest.mark.parametrize(
    ("here", "bound", "action"),
    [
        (TWIN, None, BindingAction.REFUSE),
        (replace(TWIN, platform="http://test.example:80"), None, BindingAction.BIND),
        (replace(TWIN, sources={"his": "postgresql://db.test:5432/his"}), None, BindingAction.BIND),
        (replace(TWIN, sources={"emr": "postgresql://db.his:5432/his"}), None, BindingAction.REFUSE),
        (TWIN, replace(TWIN, platform="http://test.example:80"), BindingAction.REFUSE),
        (replace(TWIN, sources={**TWIN.sources, "emr": "postgresql://emr:5432/emr"}), TWIN, BindingAction.EXTEND),
        (TWIN, TWIN, BindingAction.UNCHANGED),
        (SITE, None, BindingAction.BIND),
    ],
)
def test_a_site_is_not_bound_beside_one_that_reports_the_same(here, bound, action):
    """Under a prefix of its own a copy remembers nothing of what was reported, and the platform takes all of it once more. What is
    bound so already goes on, and gets its new sources.
    """
    bound = None if bound is None else replace(BOUND, identity=bound)
    consent = Consent(rebind=("platform",), why="moved") if action is BindingAction.REFUSE and bound is not None else NOTHING_SAID
    plan = plan_binding(bound, here, topic="t.site.binding", worked=bound is not None, consent=consent)
    guarded = beside(plan, {TOPIC: BOUND}, consent=consent)
    assert (action, action is BindingAction.REFUSE, bool(guarded.twins)) == (
        guarded.action,
        bool(guarded.refusal),
        bool(guarded.refusal),
    )
    assert plan == beside(plan, {TOPIC: BOUND}, consent=replace(consent, report_again=True))


def test_whoever_would_report_the_same_is_told_which_site_does_and_what_a_copy_needs():
    """The prefix is what a person looks for; the flag is for whoever means it."""
    told = beside(planned(TWIN, bound=None, worked=False), {TOPIC: BOUND}, consent=NOTHING_SAID).refusal
    for word in (SITE.site, "kafka.topic_prefix h.", TOPIC, SITE.platform, "platform.url", "--report-everything-again"):
        assert word in told


@pytest.mark.parametrize("rebind", [("sources.emr",), ("sources.his", "sources.emr")])
@pytest.mark.parametrize("report_again", [False, True])
def test_whoever_names_the_new_name_of_a_source_is_told_to_name_the_old_one(rebind, report_again):
    """Both differ, as the message before said: that the new one would change nothing sends a person round in circles."""
    told = planned(RENAMED, rebind=rebind, why="a better name", report_again=report_again).refusal
    assert (True, True, False) == (
        "sources.emr is not bound yet" in told,
        "--rebind sources.his --report-everything-again" in told,
        "would change nothing" in told,
    )


def test_a_source_that_is_only_new_needs_no_rebinding():
    """Whoever names it nevertheless is told that the plain word does it."""
    more = replace(SITE, sources={**SITE.sources, "emr": "postgresql://emr:5432/emr"})
    assert "Leave it out: `yibao topics apply`" in planned(more, rebind=("sources.emr",), why="it came").refusal


def test_a_rebound_site_keeps_its_mark():
    """What stands for the site in its ids must not change while a plan is open."""
    rebound = planned(COPY, rebind=("platform",), why="moved").binding(entry("second", why="moved"), fresh_mark="zzzz")
    assert ("0a1b", "first", COPY) == (rebound.mark, rebound.after, rebound.identity)
    assert rebound == in_force([BOUND.dump(), rebound.dump()])


def test_of_two_first_entries_the_earlier_counts_for_every_reader():
    """Two `topics apply` at the same time: one of them is a copy's."""
    late = replace(BOUND, identity=COPY, entry=entry("late"))
    assert BOUND == in_force([BOUND.dump(), late.dump()])


def test_of_two_rebindings_of_the_same_entry_the_earlier_counts():
    """The second one was planned against what is no longer in force."""
    second, late = (replace(BOUND, identity=COPY, entry=entry(name), after="first") for name in ("second", "late"))
    third = replace(BOUND, entry=entry("third"), after="second")
    assert second == in_force([BOUND.dump(), second.dump(), late.dump()])
    assert third == in_force([BOUND.dump(), second.dump(), late.dump(), third.dump()])


def test_a_later_form_stops_and_a_member_more_does_not():
    """A later version may bind identities of the databases beside their addresses."""
    written = orjson.loads(BOUND.dump())
    written["sources"]["his"]["identity"] = "7"
    assert BOUND == in_force([orjson.dumps(written | {"further": 1})])
    with pytest.raises(Newer, match=r"site\.binding"):
        in_force([orjson.dumps({"form": 2})])


@pytest.mark.parametrize("value", [None, b"", b"no json", b"[]", b'{"form":1}'])
def test_what_is_no_entry_is_not_passed_over(value):
    """Passed over, it could hide that somebody took the first entry's place."""
    with pytest.raises(Fatal, match="nothing else may write into it"):
        in_force([value])
