"""The reference pages and schemas are generated: they say what the models do, or this fails."""

import json
from pathlib import Path

import pytest

from streams.mapping import mapping_file
from streams.mapping import site_file as site
from streams.mapping.mapping_file import MappingFile
from streams.mapping.reading import parse, read
from streams.mapping.schema import documents
from streams.mapping.site_file import SiteFile

DOCS = Path(__file__).parents[4] / "docs"


@pytest.mark.parametrize(("name", "text"), documents().items())
def test_a_generated_page_is_up_to_date(name, text):
    """Mend with: python -m streams.mapping.schema docs"""
    assert text == (DOCS / name).read_text(encoding="utf-8")


def test_every_field_is_documented():
    """An integrator learns the format from these pages alone."""
    for name, text in documents().items():
        if name.endswith(".md"):
            assert [] == [line for line in text.splitlines() if line.startswith("| `") and line.rstrip().endswith("| |")]


@pytest.mark.parametrize(("module", "model"), [(mapping_file, MappingFile), (site, SiteFile)])
def test_the_example_in_the_documentation_fits_its_model(tmp_path, module, model):
    """An example that does not load teaches mistakes."""
    file = tmp_path / "example.yaml"
    file.write_text((module.__doc__ or "").split("```yaml")[1].split("```")[0], encoding="utf-8")
    document = read(file)
    assert parse(document, model) is not None, document.problems


def test_a_source_may_be_a_text_or_an_object_in_the_schema():
    """Otherwise every editor marks the shorthand as an error."""
    schema = json.loads(documents()["mapping.schema.json"])
    kinds = {form.get("type") for form in schema["$defs"]["Source"]["anyOf"]}
    assert {"string", "object"} == kinds
    assert False is schema["additionalProperties"]
