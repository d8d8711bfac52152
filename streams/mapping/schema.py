"""JSON Schema and reference pages of the files people write, and of the metrics, generated so that they cannot be out of date.

`python -m streams.mapping.schema docs` writes them into the folder `docs`, and the alerts of Prometheus beside it.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from streams.domain.validate.catalogue import UNJUDGED, described
from streams.mapping.mapping_file import MappingFile
from streams.mapping.site_file import SiteFile
from streams.spec.fields import ServiceCode
from streams.telemetry import metric_page
from streams.telemetry.alerts import rules_file

FILES: Final[dict[str, tuple[type[BaseModel], str]]] = {
    "site": (SiteFile, "One reporting site: brokers, databases, institutions, platform, limits."),
    "mapping": (MappingFile, "One hospital system: which tables hold what, and where each interface field comes from."),
}


def documents() -> dict[str, str]:
    """Every generated file by its name in the folder of the documentation."""
    pages: dict[str, str] = {}
    for name, (model, about) in FILES.items():
        schema = model.model_json_schema(by_alias=True) | {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": f"{name}.yaml",
        }
        pages[f"{name}.schema.json"] = json.dumps(schema, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
        pages[f"{name}.md"] = _page(name, model, about)
    pages["site.md"] += "\n".join(["", *_rules()]) + "\n"
    pages["metrics.md"] = metric_page.page()
    return pages


def write_documents(folder: Path) -> list[Path]:
    """Write the generated files; returns those whose content changed."""
    changed = []
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def _page(name: str, model: type[BaseModel], about: str) -> str:
    lines = [
        f"# `{name}.yaml`",
        "",
        about,
        "",
        f"For completion in an editor, put this line first: `# yaml-language-server: $schema={name}.schema.json`.",
        "Unknown names are errors; `yibao check` tells all errors at once. This page is generated from the models.",
        "",
    ]
    example = (sys.modules[model.__module__].__doc__ or "").partition("```yaml")[2].partition("```")
    lines += ["## A whole example", "", "```yaml", example[0].strip(), "```", ""]
    lines += [*example[2].strip().splitlines(), ""] if example[2].strip() else []
    for part in _models(model, []):
        lines += _section(part, root=model)
    return "\n".join(lines).rstrip() + "\n"


def _rules() -> list[str]:
    """The data-quality rules with the levels that hold unless a site says otherwise."""
    lines = ["## Data-quality rules", "", "`refuse` keeps a record back and writes a dead letter; `warn` counts it."]
    lines += [
        "`yibao rules list` shows the levels of a site.",
        "",
        "| rule | service | level | what | clause |",
        "|---|---|---|---|---|",
    ]
    for one in described():
        services = "all" if len(one.services) == len(ServiceCode) else ", ".join(one.services)
        lines.append(f"| `{one.id}` | {services} | {one.level.value} | {one.title} | {one.clause} |")
    lines += [f"| `{one.id}` | {', '.join(one.services)} | not judged | {one.title} | {one.clause} |" for one in UNJUDGED]
    return lines


def _models(model: type[BaseModel], seen: list[type[BaseModel]]) -> list[type[BaseModel]]:
    """The model and those inside it, each once, in the order in which a reader meets them."""
    if model not in seen:
        seen.append(model)
        for info in model.model_fields.values():
            for inner in _inside(info.annotation):
                _models(inner, seen)
    return seen


def _inside(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _inside(argument)


def _section(model: type[BaseModel], *, root: type[BaseModel]) -> list[str]:
    title = "The file" if model is root else model.__name__
    about = " ".join((model.__doc__ or "").split())
    lines = [f"## {title}", "", about, "", "| name | form | default | meaning |", "|---|---|---|---|"]
    schema = model.model_json_schema(by_alias=True, mode="validation")
    properties = _properties(schema, model.__name__)
    for field_name, info in model.model_fields.items():
        name = info.alias or field_name
        form = _form(properties.get(name, {}))
        default = "**required**" if info.is_required() else _default(info.get_default(call_default_factory=True))
        meaning = " ".join((info.description or "").split()).replace("|", "\\|")
        lines.append(f"| `{name}` | {form} | {default} | {meaning} |")
    return [*lines, ""]


def _properties(schema: dict[str, object], name: str) -> dict[str, dict[str, object]]:
    found: object = schema
    if "properties" not in schema:
        definitions = schema.get("$defs")
        own = definitions.get(name, schema) if isinstance(definitions, dict) else schema
        forms = own.get("anyOf") if isinstance(own, dict) else None
        candidates = forms if isinstance(forms, list) else [own]
        found = next((form for form in candidates if isinstance(form, dict) and "properties" in form), {})
    properties = found.get("properties") if isinstance(found, dict) else None
    return properties if isinstance(properties, dict) else {}


def _default(value: object) -> str:
    if isinstance(value, BaseModel):
        return "see below"
    if value is None or value in ((), {}, ""):
        return "–"
    return f"`{json.dumps(value, default=str)}`" if not isinstance(value, str) else f"`{value}`"


def _form(schema: object) -> str:
    """A property's type in words."""
    if not isinstance(schema, dict):
        return "text"
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    choices = schema.get("enum")
    if isinstance(choices, list):
        return " \\| ".join(f"`{value}`" for value in choices)
    if "const" in schema:
        return f"`{schema['const']}`"
    alternatives = schema.get("anyOf")
    if isinstance(alternatives, list):
        forms = [_form(one) for one in alternatives if not (isinstance(one, dict) and one.get("type") == "null")]
        return " or ".join(dict.fromkeys(forms))
    return _plain_form(schema)


def _plain_form(schema: dict[str, object]) -> str:
    match schema.get("type"):
        case "array":
            return f"list of {_form(schema.get('items', {}))}"
        case "object":
            patterned = schema.get("patternProperties")
            values = [*patterned.values()] if isinstance(patterned, dict) else [schema.get("additionalProperties", {})]
            return f"map to {_form(values[0])}"
        case "integer" | "number":
            bounds = [f"{sign} {schema[key]}" for key, sign in _BOUNDS if key in schema]
            return "number" + (f" {', '.join(bounds)}" if bounds else "")
        case "boolean":
            return "true or false"
        case list():
            return "code"
        case _:
            return "text"


_BOUNDS: Final = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"))


if __name__ == "__main__":
    write_documents(Path(sys.argv[1]))
    for place in ("deploy/prometheus/rules.yaml", "helm/yibao-cdc/files/rules.yaml"):
        (Path(sys.argv[1]).parent / place).write_text(rules_file.rules(), encoding="utf-8")
