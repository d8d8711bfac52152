"""Whoever mends a file is told what to write, in words of ours: a validator's are for programmers, and change with its version."""

import re
from pathlib import Path

import pytest

from sandbox.platform.faults import read_faults
from streams.mapping.mapping_file import MappingFile
from streams.mapping.reading import Document, parse
from streams.mapping.schema import _models
from streams.mapping.site_file import SiteFile

FOREIGN = re.compile(
    r"input|inputs|field required|valid (dictionary|string|integer|number|tuple|boolean|path|list)|value error|assertion|permitted"
    r"|pattern|keyword|parse|characters? at|should|instance of|validation error|after validation|pathlib|<class",
    re.IGNORECASE,
)
"""Words of pydantic's messages."""

WRONG = (
    "x y",
    "",
    "-1",
    "0",
    "1.5",
    "nan",
    "9" * 5000,
    "é" * 400,
    None,
    [],
    ["a b"],
    [{"a": "b"}],
    {},
    {"a b": "1"},
    {"zz": {"zz": []}},
)
MODELS = sorted({*_models(SiteFile, []), *_models(MappingFile, [])}, key=lambda model: model.__name__)


def told(model, content):
    document = Document(file=Path("site.yaml"), content=content)
    parse(document, model)
    return [(problem.place, problem.what) for problem in document.problems]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_whatever_stands_at_a_setting_is_answered_in_our_words(model):
    """Every setting of every part of the files, with a text, number, list or group that does not belong there."""
    names = [info.alias or name for name, info in model.model_fields.items()]
    found = [one for name in names for wrong in WRONG for one in told(model, {name: wrong})]
    found += [one for wrong in WRONG for one in told(model, wrong)]
    assert [] == [one for one in found if FOREIGN.search(one[1]) or "does not fit here" in one[1]]
    assert [] == [place for place, _ in found if "[key]" in place]


@pytest.mark.parametrize(
    ("model", "content", "what"),
    [
        (SiteFile, {"sorces": {}}, "sorces: is not known here (did you mean `sources`?)"),
        (SiteFile, {"site": None}, "site: is empty"),
        (SiteFile, {"sources": {"1 his": {}}}, "sources.1 his: as a name, this must be a letter, then"),
        (SiteFile, {"platform": {"timeout_s": "0"}}, "platform.timeout_s: must be more than 0"),
        (SiteFile, {"platform": {"msgid_chars": "33"}}, "platform.msgid_chars: must be one of 32, 36"),
        (SiteFile, {"platform": {"infno": {"setl": {}}}}, "platform.infno.setl: as a name, this must be one of mdtrt_d, setl_d"),
        (MappingFile, {"tables": []}, "tables: must not be empty"),
    ],
)
def test_the_words_say_what_to_write(model, content, what):
    """One of each way in which a value can be wrong."""
    assert [line for place, text in told(model, content) if (line := f"{place}: {text}").startswith(what)]


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        (b"[1]", "fault 1: must hold `name: value` entries"),
        (b'{"kind": "hmtl"}', "fault 1: kind must be one of lost, late"),
        (b'{"kind": "hmtl"}', "(did you mean `html`?)"),
        (b'{"kidn": "html"}', "fault 1: kidn is not known here (did you mean `kind`?)"),
        (b'[{"kind": "lost"}, {"kind": "lost", "times": 1.5}]', "fault 2: times must be a whole number"),
        (b'{"kind": "lost", "probability": 2}', "fault 1: probability 2.0 of lost: write a number from 0 to 1"),
        (b'{"kind": "lost", "judged": "maybe"}', "fault 1: judged must be true or false"),
        (b"[", "are not JSON"),
    ],
)
def test_faults_are_refused_in_our_words_too(fault, what):
    """They are written on the command line, by whoever tries the platform out."""
    with pytest.raises(ValueError, match=re.escape(what)) as refused:
        read_faults(fault)
    assert not FOREIGN.search(f"{refused.value}")
