"""A harmless text, sealed for a key in every layout, so that the platform's people can say which one opens."""

from dataclasses import dataclass

import typer

from streams.seal import ENCODINGS, PublicKey, Sealer

SAMPLE = '[{"SAMPLE":"医保 yibao 123"}]'
"""What is sealed. Nobody's data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """It in one layout. `order`, `prefix` and `text` are what `platform.encoding` takes."""

    layout: str
    order: str
    prefix: bool
    text: str
    sealed: str


def samples_of(key: PublicKey) -> list[Sample]:
    """The sample in every layout, the default first. Another text each time."""
    return [
        Sample(
            layout=str(encoding),
            order=str(encoding.order),
            prefix=encoding.begins_with_04,
            text=str(encoding.text),
            sealed=Sealer(key, encoding).seal(SAMPLE.encode()),
        )
        for encoding in ENCODINGS
    ]


def show_samples(key: PublicKey) -> None:
    """Print them, numbered: their people answer with a number."""
    typer.echo(f"Sealed for the key {key.fingerprint}; whoever opens it must read: {SAMPLE}")
    typer.echo("SM2 encryption authenticates nobody: it keeps content secret and does not say who sent it.")
    typer.echo("Hex is in lower case here; where they open it in upper case alone: platform.encoding.text: upper-hex")
    for number, each in enumerate(samples_of(key), start=1):
        typer.echo(f"\n{number}. {each.layout}\n{each.sealed}")
