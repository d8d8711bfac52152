"""The runbooks as a worker serves them: read in any browser, in the language of who is on call, and able to do nothing else."""

import re

import pytest

from streams.telemetry.runbook_pages import HEADERS, language_of, served
from streams.telemetry.runbook_text import Language, names
from streams.telemetry.serving import Told, answer

TOLD = Told(worker="join-0", conditions=list, metrics=lambda _accept: (b"", "text/plain"))


def page(path, **asked):
    return served(path, **({"query": "", "accept": "text/html", "languages": ""} | asked))


@pytest.mark.parametrize(
    ("query", "languages", "language"),
    [
        ("", "", "en"),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("", "fr, zh;q=0.3, en;q=0.7", "en"),
        ("", "zh;q=0, en", "en"),
        ("", "zh;q=much, *", "en"),
        ("lang=zh", "en", "zh"),
        ("lang=en&lang=zh", "zh", "en"),
        ("lang=tlh", "zh", "en"),
    ],
)
def test_the_language_is_the_askers(query, languages, language):
    """A word in the address goes before the browser's settings, which on a machine in a rack are nobody's."""
    assert Language(language) is language_of(query, languages)


@pytest.mark.parametrize("name", names())
def test_every_page_is_whole_in_both_forms(name):
    """Nothing of the Markdown is left over in HTML, and the text is the page itself."""
    for language in Language:
        found = page(f"/runbooks/{name}", query=f"lang={language}")
        body = found.body.decode()
        assert (True, "text/html; charset=utf-8") == (found.found, found.media_type)
        assert body.count("<h2>") == 5
        assert not re.search(r"`|^#|^\d+\. ", body, re.MULTILINE)
        assert f'<html lang="{language}">' in body
        text = page(f"/runbooks/{name}", accept="*/*", languages=language)
        assert (f"# {name}\n".encode(), "text/plain; charset=utf-8") == (text.body.partition(b"\n")[0] + b"\n", text.media_type)


def test_the_index_names_every_page_and_a_misspelt_one_the_nearest():
    """Who knows the alert by half of its name finds it."""
    body = page("/runbooks").body.decode()
    assert all(f'href="/runbooks/{name}?lang=en"' in body for name in names())
    missing = page("/runbooks/YibaoLaneHold", accept="")
    assert (False, True) == (missing.found, b"did you mean `YibaoLaneHeld`?" in missing.body)


@pytest.mark.parametrize(
    "name", ["../../metric_table.py", "..%2F..%2Fserving.py", "en/YibaoLaneHeld", "%00", "<script>alert(1)</script>"]
)
def test_a_name_opens_nothing_but_a_page(name):
    """It comes from the network: no file beside the pages is read, and nothing of it is run."""
    found = page(f"/runbooks/{name}")
    assert not found.found
    assert b"<script" not in found.body
    assert b"import" not in found.body


def test_a_page_may_load_and_run_nothing():
    """It is served without a login, in the network of the hospital."""
    found = answer("/runbooks/YibaoLaneHeld?lang=zh", "text/html", TOLD)
    assert 200 == found.status
    assert HEADERS == found.headers
    policy = found.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(rb"<script|<img|<link|\son\w+=|https?://|style=", found.body)
    assert 404 == answer("/runbooks/Nothing", "text/html", TOLD).status
    assert "通道" in answer("/runbooks/YibaoLaneHeld", "text/plain", TOLD, languages="zh-CN").body.decode()
