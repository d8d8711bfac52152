"""Workers go on with another mapping: what it says must be read again is read again, and nothing else. Then the platform holds what
that mapping makes of the database, or a person was told; whatever was captured, and by whatever mapping, before.
"""

from random import Random

import orjson
import pytest

from streams.mapping import load_site
from streams.mapping.taking import taken_rows
from streams.topics.control import otherwise
from tests.unit.streams.domain.join.join_rig import CHARGE, DAY_MS, SETTLE, SITE, VISIT
from tests.unit.streams.mapping.test_which import Both

SAMPLES = {"h.visit": (VISIT, "visit_id"), "h.settle": (SETTLE, "settle_no"), "h.charge": (CHARGE, "charge_id")}
OPEN = "any"
"""Several settlements fit: nothing is reported, and what was reported before stands."""
SERVICES = {"h.visit": "mdtrt_d", "h.settle": "setl_d", "h.charge": "fee_list_d"}
WHERE = ("", "where: {status: [5]}", "where: {status: {not: [1]}}", 'where: {status: [5, ""]}')
COUNTING = {"": "15-", "where: {status: [5]}": "5", "where: {status: {not: [1]}}": "5-", 'where: {status: [5, ""]}': "5-"}
NULLS = ("", "nulls: []", "nulls: [S2]", 'nulls: ["0", S1]')
NULL = {"nulls: []": (), "nulls: [S2]": ("S2",), 'nulls: ["0", S1]': ("0", "S1"), "": ()}
LINKS = ("settlement: settle_no", "settlement: {match: {settle_no: settle_no}}", "settlement: {match: {occurred_at: settled_at}}")

OWN_LINK = "      SETL_ID: settle_no\n      FIXMEDINS"


def said(rng):
    """What a mapping says of each table, and of all: texts of `mapping.yaml`."""
    words = {table: (rng.choice(WHERE), rng.choice(NULLS) if table == "h.charge" else "") for table in SAMPLES}
    return {"words": words, "all": rng.choice(NULLS), "link": rng.choice(LINKS)}


def beside(mapping, rng):
    """The mapping, and others that differ from it in one thing each."""
    other = said(rng)
    yield mapping
    yield from ({**mapping, name: other[name]} for name in ("all", "link"))
    for table in SAMPLES:
        yield {**mapping, "words": {**mapping["words"], table: other["words"][table]}}


FAMILIES = [[*beside(said(Random(seed)), Random(seed + 100))] for seed in range(2)]
MAPPINGS = [one for family in FAMILIES for one in family]


def written(mapping, folder):
    """The site of the join's tests, with these words."""
    for file in SITE.parent.iterdir():
        text = file.read_text(encoding="utf-8")
        if "mapping: join-his\n" in text:
            text = text.replace("mapping: join-his\n", f"mapping: join-his\n{mapping['all']}\n")
            text = text.replace("settlement: settle_no}", f"{mapping['link']}}}")
            text = text.replace(OWN_LINK, OWN_LINK.replace("settle_no", "{column: settle_no, of: settlement}"))
            for table, words in mapping["words"].items():
                more = "".join(f", {word}" for word in words if word)
                start = f"{{table: {table}, "
                line = next(line for line in text.splitlines() if start in line)
                text = text.replace(line, line.removesuffix("}") + more + "}")
        (folder / file.name).write_text(text, encoding="utf-8")
    return load_site(folder / "site.yaml")


def expected(mapping, rows):
    """The records of a database, by this mapping: of a line its settlement. Without a word of the product's."""
    counting = {name: row for name, row in rows.items() if (row["status"] or "-") in COUNTING[mapping["words"][name[0]][0]]}
    found = {(SERVICES[table], key): "" for (table, key) in counting if table == "h.visit"}
    for (table, key), row in counting.items():
        if table == "h.settle" and ("h.visit", row["visit_id"]) in counting:
            found["setl_d", key] = ""
    nulls = NULL[mapping["words"]["h.charge"][1] or mapping["all"]]
    for (table, key), row in counting.items():
        if table != "h.charge" or ("h.visit", row["visit_id"]) not in counting:
            continue
        settles = [one for (other, _), one in counting.items() if other == "h.settle" and one["visit_id"] == row["visit_id"]]
        if "occurred_at" in mapping["link"]:
            those = [one["settle_no"] for one in settles if one["settled_at"] == row["occurred_at"]]
        else:
            those = [one["settle_no"] for one in settles if one["settle_no"] == row["settle_no"] not in nulls]
        if those:
            found["fee_list_d", key] = those[0] if len(those) == 1 else OPEN
    return found


class Hospital:
    """Rows, and what is done to them."""

    def __init__(self, rng, both):
        self.rng, self.both, self.rows = rng, both, {}

    def act(self, *, goes=True):
        """Something. goes: rows may be deleted, or leave their visit. Since the mapping is another one they do not here: whoever
        reads a table again looks for them.
        """
        rng = self.rng
        table = rng.choice([*SAMPLES])
        sample, key = SAMPLES[table]
        name = f"{'VSC'[[*SAMPLES].index(table)]}{rng.randint(1, 2)}"
        row = sample | {key: name, "status": rng.choice(["1", "5", "5", None])}
        if table != "h.visit":
            row["visit_id"] = rng.choice(["V1", "V1", "V2"])
        if table == "h.settle":
            row["settled_at"] = rng.choice(["2024-05-01T09:00:00Z", "2024-05-01T10:00:00Z"])
        if table == "h.charge":
            row |= {"settle_no": rng.choice(["S1", "S2", "0", None]), "occurred_at": rng.choice(["2024-05-01T09:00:00Z"])}
        before = self.rows.get((table, name))
        if before is not None and goes and rng.random() < 0.2:
            del self.rows[table, name]
            self.tell(table, name, "d", before)
        elif before is None or before["visit_id"] == row["visit_id"] or (goes and rng.random() < 0.5):
            self.rows[table, name] = row
            self.tell(table, name, "c" if before is None else "u", row, before=before)

    def tell(self, table, name, op, row, *, before=None):
        self.both.happens(table, row, op, before=before, key=orjson.dumps({SAMPLES[table][1]: name}))


def faults(seed, site_of):
    rng = Random(seed)
    first, second = rng.sample(rng.choice(FAMILIES), 2)
    both = site_of(first, Both())
    hospital = Hospital(rng, both)
    for _ in range(rng.randint(5, 25)):
        hospital.act()
    both.tick()
    owed = otherwise(both.taken, site_of(second, both).taken)
    for _ in range(rng.randint(0, 6)):
        hospital.act(goes=False)
    for (table, name), row in [*hospital.rows.items()]:
        if table in owed:
            hospital.tell(table, name, "r", row)
    for days in (0, 1, 1, 62, 1):
        both.tick(after_ms=days * DAY_MS)
    return list(differing(both, expected(second, hospital.rows)))


def differing(both, must):
    last = {(f"{service}", key): orjson.loads(value) for (service, _, key), value in both.last().items()}
    open_ = {(letter.service, letter.record_key) for letter in both.open()}
    gone = {tuple(one.split()[1:]) for one in both.recalled()}
    for name, settlement in must.items():
        if settlement == OPEN:
            continue
        if name not in last or (settlement and last[name]["SETL_ID"] != settlement):
            yield f"{name} is not reported as of {settlement or 'its visit'}: {last.get(name, {}).get('SETL_ID')}"
    for name in last.keys() - must.keys():
        if name not in open_ and name not in gone:
            yield f"{name} is held by the platform, and nobody was told"


@pytest.fixture(scope="module")
def site_of(tmp_path_factory):
    """Lets the stages work by one of the mappings, each of which is loaded once."""
    loaded = []
    for mapping in MAPPINGS:
        both = Both().of(site := written(mapping, tmp_path_factory.mktemp("site")))
        loaded.append({"site": site, "placer": both.placer, "joiner": both.joiner, "going": both.going})
        loaded[-1]["taken"] = taken_rows(site)["his"]

    def works_by(mapping, both):
        for name, value in loaded[MAPPINGS.index(mapping)].items():
            setattr(both, name, value)
        return both

    return works_by


def test_what_a_mapping_names_is_all_that_must_be_read_again(site_of):
    """Half old and half new is what nobody sees: each record is right by itself."""
    wrong = {seed: found for seed in range(200) if (found := faults(seed, site_of))}
    assert {} == wrong
