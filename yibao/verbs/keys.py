"""`yibao keys`: make, check and show SM2 keys, and find out which layout a platform opens. A private key is never printed."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from streams.bounded import KEY_BYTES, read_bounded
from streams.errors import Misconfigured, YibaoError
from streams.private_files import private_folder
from streams.seal import PrivateKey, PublicKey, ReadKey, generate_key_pair, key_text, opened_by_gmssl, read_key
from streams.spec.identity import valid_fixmedins_code
from yibao.interrupted import leaving
from yibao.key_samples import SAMPLE, samples_of, show_samples
from yibao.options import Output, OutputOption

app = typer.Typer(
    no_args_is_help=True,
    help="""\
Make, check and show SM2 keys, and find out which layout a platform opens.

\b
Examples:
  yibao keys check keys/*.pub               which key is in each file, in whatever form it was mailed
  yibao keys show keys/H36110200001.pub     its fingerprint, to compare with the platform's by telephone
  yibao keys check --samples keys/*.pub     and beneath each key what it seals, in all layouts
  yibao keys sample keys/H36110200001.pub   a harmless text in all layouts: ask the platform which one opens
  yibao keys new --out keys --institution H36110200001
""",
)

KeyFile = Annotated[Path, typer.Argument(metavar="FILE", help="A key file: hex, Base64, PEM or DER.")]
KeyFiles = Annotated[list[Path], typer.Argument(metavar="FILE", help="Key files: hex, Base64, PEM or DER.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What `keys check` found in one file."""

    file: str
    """Path of the file."""
    kind: str
    """`public` or `private`; `""` where there is no key."""
    form: str
    """The form it came in, in words."""
    fingerprint: str
    """Of its public half."""
    problem: str
    """What is wrong; `""` for a good key."""
    remark: str
    """What is worth knowing besides; `""` for nothing."""
    key: PublicKey | None = field(default=None, repr=False)
    """Its public half; None where there is no key."""

    @property
    def told(self) -> dict[str, object]:
        """For JSON."""
        names = ("file", "kind", "form", "fingerprint", "problem", "remark")
        return {name: getattr(self, name) for name in names}


@app.command("new")
def new(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", file_okay=False, help="Directory for the two files; made with mode 0700.")
    ],
    institution: Annotated[str, typer.Option("--institution", metavar="CODE", help="FIXMEDINS_CODE the pair is for.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a key pair for an institution: two PEM files with mode 0600. Existing files are never overwritten.

    \b
    Examples:
      yibao keys new --out keys --institution H36110200001
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if not valid_fixmedins_code(institution):
        raise Misconfigured(f"--institution {institution}: an institution's code is H or P and 11 digits")
    private_file, public_file = (out / f"{institution}.{half}.pem" for half in ("private", "public"))
    for path in (private_file, public_file):
        if path.exists():
            raise Misconfigured(f"{path} exists; a key is never overwritten: choose another --out or move the old pair away")
    pair = generate_key_pair()
    try:
        if not out.is_dir():
            private_folder(out)
    except OSError as error:
        raise Misconfigured(f"--out {out} cannot be made ({error.strerror}); choose another directory") from error
    with leaving(f"one half of the pair may be there without the other: remove {private_file} and {public_file}"):
        _write_secret(private_file, pair.pem)
        _write_secret(public_file, pair.public.pem)
    _print(
        {"private": str(private_file), "public": str(public_file), "fingerprint": pair.fingerprint},
        output,
    )


@app.command("check")
def check(
    files: KeyFiles,
    samples: Annotated[bool, typer.Option("--samples", help="And what each key seals, in all layouts.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say of each file which key is in it and in which form. What is sealed for a private key is also opened by another
    implementation of SM2 (gmssl) than the one that sealed it (OpenSSL). Exit code 1 when a file holds no key.

    \b
    Examples:
      yibao keys check keys/*.pub
      yibao keys check --samples keys/H36110200001.pub
      yibao keys check mailed.txt -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    found = [_check(path) for path in files]
    if output is Output.JSON:
        typer.echo(json.dumps([_told(each, samples=samples) for each in found], ensure_ascii=False, indent=2))
    else:
        for each in found:
            good = f"{each.kind} key, {each.form}, fingerprint {each.fingerprint}"
            typer.echo(f"{each.file}: {each.problem or good}" + (f" ({each.remark})" if each.remark else ""))
            if samples and each.key is not None:
                show_samples(each.key)
    if any(each.problem for each in found):
        raise typer.Exit(1)


@app.command("show")
def show(file: KeyFile, output: OutputOption = Output.TABLE) -> None:
    """Show a key's fingerprint and its PUBLIC half in every form. Of a private key nothing else is shown.

    \b
    Examples:
      yibao keys show keys/H36110200001.pub
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    found = _read(file)
    public = _public(found)
    _print(
        {
            "kind": _kind(found),
            "form": found.form,
            "fingerprint": public.fingerprint,
            "hex": public.hex,
            "hex_without_04": public.hex[2:],
            "hex_compressed": public.compressed,
            "x509_base64": "".join(public.pem.splitlines()[1:-1]),
            "x509_pem": public.pem,
        },
        output,
    )


@app.command("sample", short_help="Seal a harmless sample in all layouts.")
def sample(file: KeyFile, output: OutputOption = Output.TABLE) -> None:
    """Seal a harmless sample in all layouts, so that the platform's people can say which one opens: with and without 04, C1C3C2 and
    C1C2C3, and the SEQUENCE of ASN.1, each in hex and Base64.

    \b
    Examples:
      yibao keys sample keys/H36110200001.pub
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    public = _public(_read(file))
    if output is Output.JSON:
        document = {"fingerprint": public.fingerprint, "plain": SAMPLE, "samples": [*map(asdict, samples_of(public))]}
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        show_samples(public)


def _write_secret(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be made ({error.strerror}); choose another --out") from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)


def _read(path: Path) -> ReadKey:
    try:
        content = read_bounded(path, most=KEY_BYTES)
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return read_key(key_text(content))
    except Misconfigured as error:
        raise Misconfigured(f"{path}: {error}") from error


def _check(path: Path) -> Checked:
    try:
        found = _read(path)
        public = _public(found)
        remark = "; ".join(_remarks(path, found.key)) if isinstance(found.key, PrivateKey) else ""
    except YibaoError as error:
        problem = str(error).removeprefix(f"{path}: ")
        return Checked(file=str(path), kind="", form="", fingerprint="", problem=problem, remark="")
    of = {"file": str(path), "kind": _kind(found), "form": found.form, "fingerprint": public.fingerprint}
    return Checked(**of, problem="", remark=remark, key=public)


def _remarks(path: Path, key: PrivateKey) -> Iterator[str]:
    """Raises Fatal where another implementation does not open what is sealed for it."""
    if path.stat().st_mode & 0o077:
        yield "others on this machine can read it: chmod 600"
    opened_by_gmssl(key, SAMPLE.encode())
    yield "what OpenSSL seals for it opens by gmssl"


def _told(checked: Checked, *, samples: bool) -> dict[str, object]:
    sealed = [*map(asdict, samples_of(checked.key))] if samples and checked.key is not None else None
    return checked.told | ({} if sealed is None else {"samples": sealed})


def _public(found: ReadKey) -> PublicKey:
    return found.key.public if isinstance(found.key, PrivateKey) else found.key


def _kind(found: ReadKey) -> str:
    return "private" if isinstance(found.key, PrivateKey) else "public"


def _print(values: dict[str, str], output: Output) -> None:
    if output is Output.JSON:
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
        return
    width = max(map(len, values))
    for name, value in values.items():
        first, *more = value.splitlines()
        typer.echo(f"{name:<{width}}  {first}")
        for line in more:
            typer.echo(f"{'':<{width}}  {line}")
