"""What is said while several topics are read for the first time: half a minute without a word is taken for a standstill."""

from yibao.reading_told import ReadingTold


def test_every_few_seconds_a_line_says_how_far_each_topic_is(capsys):
    """Those that are read already are left out, and nothing is said of what takes a moment."""
    clock = [0.0]
    reading = ReadingTold(every_s=5.0, now=lambda: clock[0])
    changes, ready = reading("visit.changes"), reading("visit.ready")
    changes(10, 80)
    ready(40, 40)
    assert capsys.readouterr().err == ""
    clock[0] = 6.0
    changes(20, 80)
    changes(30, 80)
    assert capsys.readouterr().err.splitlines() == ["reading what is not in the index: visit.changes: 20 of 80"]
    clock[0] = 12.0
    changes(80, 80)
    assert capsys.readouterr().err == ""
