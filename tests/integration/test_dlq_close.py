"""`yibao dlq close` on a real broker: what is closed, what stays open, and what is known of it a year later."""

import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace

import orjson
import pytest
from aiokafka import AIOKafkaConsumer

from streams.deadletter.record import letter_id
from streams.domain.violations import DeadClass
from streams.errors import Misconfigured
from tests.bench.topics import apply_topics
from tests.integration.test_dlq_command import INVALID, as_json, dlq, sample_site
from tests.integration.test_letters_index import Place, of_row

pytestmark = pytest.mark.stack
REASON = ("--reason", "looked at", "--yes")


@pytest.fixture(scope="module")
def applied(kafka, tmp_path_factory):
    """The file of a site whose topics are there."""
    file = sample_site(tmp_path_factory.mktemp("closing"), kafka.bootstrap_servers, "closing-")
    apply_topics(file)
    return file


@pytest.fixture
def place(kafka, applied):
    made = Place(kafka.bootstrap_servers, "closing-visit.dead", "closing-visit.audit")
    made.site = applied
    return made


def gone(key, **more):
    row = replace(INVALID.row, record_key=key)
    withdrawn = {"dead_class": DeadClass.WITHDRAWN, "rule": "DELETED_AFTER_REPORT", "identity": f"gone {key}", "row": row}
    return replace(INVALID, **withdrawn, **more)


async def test_letters_are_closed_by_a_filter_and_say_by_whom_and_why(place):
    """And opened again by the same failure after that; what was meant before it is counted and noted."""
    await place.write(3, *(of_row(number, rule="R7") for number in range(3)))
    assert "2 letters would be closed" in dlq("close", "-c", place.site, "rule:R7 key:F0,F1", "--dry-run", *REASON).stdout
    assert "2 letters closed" in dlq("close", "-c", place.site, "rule:R7 key:F0,F1", *REASON).stdout
    assert 1 == as_json("list", "-c", place.site, "rule:R7")["total"]
    shown = as_json("show", letter_id(of_row(0, rule="R7")), "-c", place.site)
    [event] = shown["history"]
    assert ("hand", "looked at", True) == (event["closed"], event["why"], "@" in event["who"])
    assert "数量必填" == shown["message"]
    await place.write(3, of_row(0, rule="R7"))
    assert 2 == as_json("list", "-c", place.site, "rule:R7")["total"]
    async with AIOKafkaConsumer(place.control, bootstrap_servers=place.bootstrap, auto_offset_reset="earliest") as consumer:
        line = {"action": ""}
        while not line["action"].startswith("dlq"):
            line = orjson.loads((await consumer.getone()).value)
    assert ("dlq close", "looked at", 2) == (line["action"], line["why"], line["facts"]["letters"])
    assert line["facts"]["filter"].startswith("rule:R7 key:sha256:")


async def test_what_the_platform_still_has_is_closed_by_its_word_alone(place):
    """A reason does not take a record back; a number of the platform says that somebody did."""
    await place.write(1, gone("G1"), gone("G2"), gone("G3"), of_row(7, rule="R8"))
    told = dlq("close", "-c", place.site, "key:G1,G2,G3,F7", *REASON)
    assert (1, "1 letter closed\n") == (told.exit_code, told.stdout)
    assert "3 letters are about reported records without a row" in told.stderr
    dlq("close", "-c", place.site, "key:G1", "--confirmation", "WX-1", *REASON)
    shown = as_json("show", letter_id(gone("G1")), "-c", place.site)
    assert ("evidence", "WX-1") == (shown["history"][0]["closed"], shown["history"][0]["evidence"])
    listed = place.site.with_name("confirmed.csv")
    listed.write_text(f"{letter_id(gone('G2'))[:12]},WX-2\nG3,WX-3\nG1,WX-9\nG9,WX-4\nnothing\n", "utf-8")
    told = dlq("close", "-c", place.site, "class:WITHDRAWN", "--confirmations", listed, *REASON)
    assert (1, "2 letters closed\n") == (told.exit_code, told.stdout)
    assert ["line 5", "G1", "G9"] == [line.partition(":")[0] for line in told.stderr.splitlines()]
    assert 0 == as_json("list", "-c", place.site, "class:WITHDRAWN")["total"]


@contextmanager
def asking(place, *words):
    """A process that is going to ask whether it may."""
    command = [sys.executable, "-m", "yibao", *words, "-c", f"{place.site}"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, **pipes, cwd=place.site.parent) as process:
        yield process


def confirm(*processes):
    """When all of them have read the letters and ask, say yes to each."""
    for process in processes:
        said = b""
        while not said.endswith(b"[y/N]: "):
            said += (one := process.stdout.read(1))
            assert one, said.decode()
    for process in processes:
        process.stdin.write(b"y\n")
        process.stdin.flush()
    return [process.communicate()[0].decode() for process in processes]


async def test_of_two_that_close_the_same_letters_at_once_one_does(place):
    """Both read the letters while they were open. A history with two closings says that two decided."""
    await place.write(2, *(of_row(number, rule="R9") for number in range(20, 23)))
    listed = place.site.with_name("both.csv")
    listed.write_text(
        "编号,处理决定\n" + "".join(f"{letter_id(of_row(number, rule='R9'))},关闭\n" for number in range(20, 23)), "utf-8"
    )
    with (
        asking(place, "dlq", "import", f"{listed}", "--reason", "by list") as one,
        asking(place, "dlq", "close", "rule:R9", "--reason", "by hand") as other,
    ):
        told = confirm(one, other)
    codes = [one.returncode, other.returncode]
    assert sorted(codes) == [0, 1], told
    for number in range(20, 23):
        history = as_json("show", letter_id(of_row(number, rule="R9")), "-c", place.site)["history"]
        assert ["by list" if codes[0] == 0 else "by hand"] == [event["why"] for event in history]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["rule:R7", "--yes"], "--reason is needed"),
        (["--reason", "x"], "close which letters"),
        (["rule:R7", "--reason", "x", "--confirmation", "1", "--confirmations", "f"], "give one of them"),
        (["class:WITHDRAWN", "--reason", "x", "--confirmation", "no number"], "a confirmation is the number"),
    ],
)
def test_an_order_that_says_too_little_closes_nothing(applied, words, told):
    """What is closed by mistake is looked at by nobody."""
    with pytest.raises(Misconfigured, match=told):
        dlq("close", "-c", applied, *words)
