"""What a person sees: within 80 columns, in both languages, and never more accepted than expected."""

import io
from collections import Counter
from decimal import Decimal

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.live import Live

from sandbox.judge import Judgement
from yibao.demonstration.course import Sight
from yibao.demonstration.findings import Findings
from yibao.demonstration.holds import Hold
from yibao.demonstration.view import OnTerminal, Plain
from yibao.demonstration.words import ENGLISH, WORDS, Language

MISSING = Hold(cause="address", says="the platform answers HTTP 404: check platform.url in site.yaml and its services", lanes=12)


def sight(*, expected=2_316_000, accepted=2_316_000, live=True):
    judgement = Judgement(
        accepted=Counter(mdtrt_d=265, setl_d=402, fee_list_d=accepted),
        dead_letters=Counter(VALIDATION=79),
        amounts={"H36110200001": (Decimal(1), Decimal(1))},
    )
    findings = Findings(judgement=judgement, ways=())
    return Sight(changes=7353, live=live, expected={"mdtrt_d": 265, "setl_d": 402, "fee_list_d": expected}, findings=findings)


def drawn(words, *looks, holds=()):
    """The last table on a terminal of 80 columns."""
    console = Console(file=io.StringIO(), width=80, height=24)
    live = Live(console=console)
    view = OnTerminal(live, words)
    for look in looks:
        view.look(look)
    view.held(holds)
    console.print(live.get_renderable())
    return console.file.getvalue()


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("live", [True, False])
def test_the_view_fits_80_columns_and_its_columns_stand_under_each_other(language, live):
    """A character of Chinese is two columns wide; a table that does not know it is no table."""
    lines = drawn(WORDS[language], sight(live=live), holds=(MISSING,)).splitlines()
    assert max(map(cell_len, lines)) <= 80
    rows = [line.rstrip() for line in lines if line.rstrip().endswith(("265", "402", "2316000", "79", "7353"))]
    assert 5 == len(rows)
    assert 1 == len({cell_len(row) for row in rows})


@pytest.mark.parametrize("language", Language)
def test_what_holds_stands_below_with_its_remedy(language):
    """Zeros that stand for minutes say nothing; it is told before the first look, too."""
    words = WORDS[language]
    seen = "".join(drawn(words, holds=(MISSING,)).split())
    assert "12" in seen
    assert "".join(words.causes["address"][1].split()) in seen


def test_never_more_is_accepted_than_expected():
    """It reads as records that were reported twice, where only the count of what is expected came later."""
    assert "       2316000   2316000" in drawn(ENGLISH, sight())
    assert "    >= 2316000   2316000" in drawn(ENGLISH, sight(expected=2_315_999))


def test_lines_name_a_hold_once_and_its_end(capsys):
    """In a log of CI there is no table; each look repeats the reason in short."""
    plain = Plain(ENGLISH)
    plain.held((MISSING,))
    plain.look(sight())
    plain.held(())
    plain.look(sight(live=False))
    first, remedy, look, over, last = capsys.readouterr().err.splitlines()
    assert first.startswith("held (12 lanes): the platform answers HTTP 404")
    assert remedy.startswith("  to mend it: ")
    assert look.startswith(
        "live: 7353 changes; accepted 265 visits, 402 settlements, 2316000 fee lines; 79 dead letters; held (12 "
    )
    assert over.startswith("goes on")
    assert last.startswith("draining: 7353 changes")
    assert "held" not in last
