"""Read a site with everything its file names. All errors of all files are told at once."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from connector.contract import TableRole
from streams.domain.normalise.fields import Dialect
from streams.domain.validate.judge import RULE_IDS
from streams.errors import Misconfigured
from streams.mapping.checking import check_mapping
from streams.mapping.mapping_file import MappingFile
from streams.mapping.reading import BadFiles, Document, Place, Problem, parse, read
from streams.mapping.secret_files import secret_files
from streams.mapping.site_file import Site, SiteFile
from streams.seal import key_text, parse_public_key
from streams.spec.dictionaries import Dictionary, load_dictionaries
from streams.wording import nearest


def load_site(path: Path) -> Site:
    """The site of this file, with its mappings and dictionaries. Relative paths count from the file's folder.

    Raises BadFiles (a Misconfigured) with every problem of all files. Keys and passwords are not opened: see `check_files`.
    """
    site, problems = _load(path.absolute())
    if problems or site is None:
        raise BadFiles(problems)
    return site


def check_files(path: Path) -> Site:
    """`load_site`, and every file with a key or a password is there and holds what it should. Raises BadFiles."""
    document = read(path.absolute())
    file = parse(document, SiteFile, context={"folder": document.file.parent})
    site, problems = _load(path.absolute())
    if file is not None:
        document.problems.clear()
        _secrets(document, file)
        problems += document.problems
    if problems or site is None:
        raise BadFiles(problems)
    return site


def _load(path: Path) -> tuple[Site | None, list[Problem]]:
    document = read(path)
    file = parse(document, SiteFile, context={"folder": path.parent})
    if file is None:
        return None, document.problems
    _consistent(document, file)
    lists = _value_lists(document, file)
    dialect = Dialect(zone=ZoneInfo(file.timezone), dictionaries=lists, levels={})
    mappings: dict[str, MappingFile] = {}
    problems = document.problems
    for name, source in file.sources.items():
        mapping_document = read(source.mapping)
        written = parse(mapping_document, MappingFile)
        if written is not None:
            check_mapping(mapping_document, written, file, dialect)
            mappings[name] = written
        problems += [problem for problem in mapping_document.problems if problem not in problems]
    _lookups_apart(document, mappings)
    if problems:
        return None, problems
    parts = {name: getattr(file, name) for name in SiteFile.model_fields}
    return Site.model_construct(**parts, file=path, mappings=mappings, value_lists=lists), []


def _lookups_apart(document: Document, mappings: Mapping[str, MappingFile]) -> None:
    """Each lookup is filled from one database: a row of one hospital must not take the place of another's under the same key."""
    filled: dict[str, str] = {}
    for name, mapping in mappings.items():
        for table in mapping.tables:
            if table.role is TableRole.LOOKUP and (other := filled.setdefault(table.lookup_name, name)) != name:
                document.report(
                    ("sources", name, "mapping"),
                    f"lookup `{table.lookup_name}` is filled from source `{other}` already, and rows of both would replace each "
                    "other; give this source a mapping file of its own, with other lookup names",
                )


def _value_lists(document: Document, file: SiteFile) -> Mapping[str, Dictionary]:
    try:
        return load_dictionaries(file.dictionaries)
    except Misconfigured as error:
        document.report(("dictionaries",), str(error))
        return load_dictionaries(None)


def _consistent(document: Document, file: SiteFile) -> None:
    """What must be unique or known across the site's file."""
    names = Counter(name for one in file.institutions for name in {one.code, *one.his_codes})
    for index, one in enumerate(file.institutions):
        for name in {one.code, *one.his_codes}:
            if names[name] > 1:
                document.report(("institutions", index), f"`{name}` names more than one institution")
        if file.platform.encrypt and one.public_key_file is None:
            what = "is missing; the platform issues one per institution (§2.3.3), or write `platform: {encrypt: false}`"
            document.report(("institutions", index, "public_key_file"), what)
    for rule in file.rules:
        if rule not in RULE_IDS:
            document.report(("rules", rule), f"is no rule{nearest(rule, RULE_IDS)}; known: {', '.join(sorted(RULE_IDS))}")
    slots = Counter((source.host, source.port, source.slot) for source in file.sources.values())
    for name, source in file.sources.items():
        if slots[source.host, source.port, source.slot] > 1:
            document.report(
                ("sources", name, "slot"), f"slot `{source.slot}` of {source.host}:{source.port} is used by two sources"
            )


def _secrets(document: Document, file: SiteFile) -> None:
    for index, one in enumerate(file.institutions):
        if one.public_key_file is None:
            continue
        place: Place = ("institutions", index, "public_key_file")
        try:
            parse_public_key(key_text(one.public_key_file.read_bytes()))
        except OSError as error:
            document.report(place, f"{one.public_key_file} cannot be read: {error.strerror}")
        except Misconfigured as error:
            document.report(place, f"{one.public_key_file}: {error}")
    security = file.kafka.security
    wanted: dict[Place, Path | None] = {
        **secret_files(file),
        ("connect", "ca_file"): file.connect.ca_file,
        ("platform", "ca_file"): file.platform.ca_file,
        ("kafka", "security", "ssl_cafile"): security.ssl_cafile,
        ("kafka", "security", "ssl_certfile"): security.ssl_certfile,
    }
    for place, named in wanted.items():
        if named is not None and (reason := _unreadable(named)):
            document.report(place, f"{named} {reason}")


def _unreadable(path: Path) -> str:
    try:
        return "" if path.read_bytes().strip() else "is empty"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
