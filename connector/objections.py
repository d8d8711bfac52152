"""What Connect itself holds against a capture that is not started yet, and what mends it. Pure.

Connect logs in to the database for its answer. It does not say when it cannot read a password: it then tries the reference itself.
"""

from collections.abc import Iterator, Sequence
from pathlib import PurePath

from connector.answers import ConfigError
from connector.contract import CaptureSource
from connector.findings import Finding
from connector.profiles import profile_of

_DIRECTORY = "${directory:"
_OF_CERTIFICATES = ("certificate", "certification path", "keystore", "truststore", "identity was not confirmed", "trustanchors")


def objections(errors: Sequence[ConfigError], source: CaptureSource, *, line_break: bool) -> Iterator[Finding]:
    """A finding for each option that Connect refuses. line_break: the password file ends with one."""
    for error in errors:
        told = " ".join(error.messages)
        if error.key.startswith("database."):
            yield Finding(
                where="Kafka Connect",
                what=f"does not get into database {source.database} at {source.host}:{source.port} as {source.user}: {told}",
                mend=_believed(source) if is_of_certificates(told) else _way_in(source, line_break=line_break),
            )
        else:
            yield Finding(where=f"Kafka Connect, {error.key}", what=told, mend="change what site.yaml says of it (docs/site.md)")


def is_of_certificates(told: str) -> bool:
    """Whether what Connect tells is that it does not believe the server, or cannot read by what it would."""
    return any(words in told.lower() for words in _OF_CERTIFICATES)


def _believed(source: CaptureSource) -> str:
    file = f"sources.{source.name}.connect_ca_file"
    return (
        f"{file} is a path where Connect runs, of {profile_of(source.kind).authorities}; host must be a name that stands in the"
        " server's certificate"
    )


def _way_in(source: CaptureSource, *, line_break: bool) -> str:
    if line_break and is_handed_on_whole(source):
        return (
            f"{source.password_file} ends with a line break, which Connect takes for a part of the password: write the password "
            "alone into it, with printf %s and not with echo"
        )
    readable = f"let Connect's workers read {source.password_reference}"
    if is_handed_on_whole(source):
        folder = PurePath(source.password_file).parent
        readable += (
            f": config.providers.directory.param.allowed.paths of each must name the folder, and their user may read the file "
            f"(the embedded stack: yibao stack down, then yibao stack up --secrets {folder})"
        )
    return f"{readable}; where they reach the database by another address than this machine, write that one into site.yaml"


def is_handed_on_whole(source: CaptureSource) -> bool:
    """Whether Connect takes every byte of the password file for the password."""
    return source.password_reference.startswith(_DIRECTORY)
