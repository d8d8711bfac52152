"""Read a site with everything its file names. All errors of all files are told at once."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from streams.bounded import KEY_BYTES, LIST_BYTES, TEXT_BYTES, NotText, demand_file, is_pipe, read_bounded, text_in
from streams.domain.normalise.fields import Dialect
from streams.domain.validate.judge import RULE_IDS, SUMS
from streams.errors import Misconfigured
from streams.mapping.apart import check_sources
from streams.mapping.checking import check_mapping
from streams.mapping.lending import lend, lookups_apart
from streams.mapping.mapping_file import MappingFile
from streams.mapping.reading import BadFiles, Document, Place, Problem, parse, read
from streams.mapping.secret_files import certificate_files, secret_files
from streams.mapping.site_file import Site, SiteFile
from streams.mapping.tls import tls_context
from streams.seal import key_text, parse_public_key
from streams.spec.dictionaries import Dictionary, load_dictionaries
from streams.wording import nearest


def load_site(path: Path) -> Site:
    """The site of this file, with its mappings and dictionaries. Relative paths count from the file's folder.

    Raises BadFiles (a Misconfigured) with every problem of all files. Keys and passwords are not opened: see `check_files`.
    """
    site, problems = _load(_site_document(path))
    if problems or site is None:
        raise BadFiles(problems)
    return site


def check_files(path: Path) -> Site:
    """`load_site`, and every file with a key or a password is there and holds what it should. Raises BadFiles."""
    document = _site_document(path)
    site, problems = _load(document)
    file = parse(replace(document, problems=[]), SiteFile, context={"folder": _folder(document)})
    if file is not None:
        checked = replace(document, problems=[])
        _secrets(checked, file)
        problems = list(dict.fromkeys([*problems, *checked.problems]))
    if problems or site is None:
        raise BadFiles(problems)
    return site


def _site_document(path: Path) -> Document:
    """The site's file. Where there is none, its problem says how another one is named."""
    document = read(path.absolute())
    if document.problems and not path.exists():
        hint = "name the site's file by -c FILE, or by the environment variable YIBAO_CONFIG; without both it is site.yaml, here"
        document.problems[:] = [replace(one, what=f"there is no such file: {hint}") for one in document.problems]
    return document


def _folder(document: Document) -> Path:
    """Where relative paths count from. A pipe has no folder: from where the command was typed."""
    return Path.cwd() if is_pipe(document.file) else document.file.parent


def _load(document: Document) -> tuple[Site | None, list[Problem]]:
    file = parse(document, SiteFile, context={"folder": _folder(document)})
    if file is None:
        return None, document.problems
    _consistent(document, file)
    _openable(document, file)
    lists = _value_lists(document, file)
    dialect = Dialect(zone=ZoneInfo(file.timezone), dictionaries=lists, levels={})
    documents: dict[str, Document] = {}
    mappings: dict[str, MappingFile] = {}
    problems = document.problems
    for name, source in file.sources.items():
        documents[name] = read(source.mapping)
        written = parse(documents[name], MappingFile)
        if written is not None:
            mappings[name] = written
    lend(documents, mappings)
    for name, mapping_document in documents.items():
        if name in mappings:
            check_mapping(mapping_document, mappings[name], file, dialect)
        problems += [problem for problem in mapping_document.problems if problem not in problems]
    lookups_apart(document, mappings)
    check_sources(document, file, mappings)
    if problems:
        return None, problems
    parts = {name: getattr(file, name) for name in SiteFile.model_fields}
    return Site.model_construct(**parts, file=document.file, mappings=mappings, value_lists=lists), []


def _value_lists(document: Document, file: SiteFile) -> Mapping[str, Dictionary]:
    path = file.dictionaries
    if path is None:
        return load_dictionaries()
    try:
        return load_dictionaries(text_in(read_bounded(path, most=LIST_BYTES)), where=str(path))
    except OSError as error:
        document.report(("dictionaries",), f"{path} cannot be read: {error.strerror}")
    except NotText as error:
        document.report(("dictionaries",), f"{path} {error}" + (f" (its line {error.line})" if error.line else ""))
    except Misconfigured as error:
        document.report(("dictionaries",), str(error))
    return load_dictionaries()


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
    if file.rules.get(SUMS) == "refuse":
        document.report(("rules", SUMS), "can only warn, because lines wait for their settlement: write `warn` or `off`")
    slots = Counter((source.host, source.port, source.slot) for source in file.sources.values())
    for name, source in file.sources.items():
        if slots[source.host, source.port, source.slot] > 1:
            document.report(
                ("sources", name, "slot"), f"slot `{source.slot}` of {source.host}:{source.port} is used by two sources"
            )


def _secrets(document: Document, file: SiteFile) -> None:
    for place, named in _key_files(file).items():
        try:
            demand_file(named, most=KEY_BYTES)
            parse_public_key(key_text(read_bounded(named, most=KEY_BYTES)))
        except OSError as error:
            document.report(place, f"{named} cannot be read: {error.strerror}")
        except Misconfigured as error:
            document.report(place, f"{named}: {error}")
    unreadable = False
    for place, named in {**secret_files(file), **certificate_files(file)}.items():
        if reason := _unreadable(named, most=_most(place)):
            document.report(place, f"{named} {reason}")
            unreadable = unreadable or place[0] == "kafka"
    if not unreadable:
        try:
            tls_context(file.kafka.security)
        except Misconfigured as error:
            document.report(("kafka", "security"), str(error))


def _key_files(file: SiteFile) -> dict[Place, Path]:
    """The public keys that the file names, by the place where it does."""
    return {
        ("institutions", index, setting): named
        for index, one in enumerate(file.institutions)
        for setting, named in (("public_key_file", one.public_key_file), ("next_public_key_file", one.next_public_key_file))
        if named is not None
    }


def _openable(document: Document, file: SiteFile) -> None:
    """What is read again and again, and by libraries, is a file, if it is there: a pipe would be empty, or wait for ever."""
    for place, named in {**secret_files(file), **certificate_files(file), **_key_files(file)}.items():
        try:
            demand_file(named, most=_most(place))
        except FileNotFoundError:
            continue  # `check_files` tells it
        except OSError as error:
            document.report(place, f"{named} cannot be read: {error.strerror}")


def _most(place: Place) -> int:
    return TEXT_BYTES if place[-1] in ("ca_file", "ssl_cafile", "ssl_certfile") else KEY_BYTES


def _unreadable(path: Path, *, most: int) -> str:
    try:
        demand_file(path, most=most)
        return "" if read_bounded(path, most=most).strip() else "is empty"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
