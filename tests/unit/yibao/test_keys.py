"""`yibao keys`: what an integrator does with the keys that were mailed."""

import json
import stat

import pytest
from gmssl.sm2 import CryptSM2
from typer.testing import CliRunner

from sandbox.sm2_opener import GmOpener
from streams.seal import Encoding, Order, SealedText, generate_key_pair, parse_private_key, parse_public_key
from yibao.key_samples import SAMPLE
from yibao.verbs.keys import app

INSTITUTION = "H36110200001"
PAIR = generate_key_pair()


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture
def private_file(tmp_path):
    file = tmp_path / "private.key"
    file.write_text(f"{PAIR.d:064x}\n")
    file.chmod(0o600)
    return file


def test_a_new_pair_belongs_together_and_only_its_owner_can_read_it(tmp_path):
    """The private half decides whether a hospital's patients stay private."""
    directory = tmp_path / "keys"
    result = run("new", "--out", directory, "--institution", INSTITUTION, "--output", "json")
    made = json.loads(result.output)
    private, public = directory / f"{INSTITUTION}.private.pem", directory / f"{INSTITUTION}.public.pem"
    key = parse_private_key(private.read_text())
    assert key.public == parse_public_key(public.read_text())
    assert made == {"private": str(private), "public": str(public), "fingerprint": key.fingerprint}
    assert [stat.S_IMODE(path.stat().st_mode) for path in (directory, private, public)] == [0o700, 0o600, 0o600]


@pytest.mark.parametrize("half", ["private", "public"])
def test_a_key_is_never_overwritten(tmp_path, half):
    """An overwritten key makes everything sealed for it unreadable, and nobody has the old one."""
    there = tmp_path / f"{INSTITUTION}.{half}.pem"
    there.write_text("precious")
    result = run("new", "--out", tmp_path, "--institution", INSTITUTION)
    assert "never overwritten" in str(result.exception)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize("institution", ["H361102", "../H36110200001", ""])
def test_an_institution_of_another_form_is_refused(tmp_path, institution):
    """It becomes a file name."""
    result = run("new", "--out", tmp_path / "keys", "--institution", institution)
    assert "H or P and 11 digits" in str(result.exception)
    assert not (tmp_path / "keys").exists()


def test_check_says_which_key_is_in_which_form(tmp_path, private_file):
    """Both halves of a pair show one fingerprint: that is how one sees that they belong together."""
    public_file = tmp_path / "public.key"
    public_file.write_text(PAIR.public.compressed)
    result = run("check", private_file, public_file, "-o", "json")
    assert result.exit_code == 0
    assert [(each["kind"], each["form"], each["fingerprint"]) for each in json.loads(result.output)] == [
        ("private", "hex of a number", PAIR.fingerprint),
        ("public", "hex of a compressed point", PAIR.fingerprint),
    ]


def test_check_names_every_bad_file_and_fails(tmp_path, private_file):
    """A script in front of a deployment asks this command; one bad file among good ones must stop it."""
    cut = tmp_path / "cut.key"
    cut.write_text(PAIR.public.hex[:100])
    result = run("check", cut, private_file, tmp_path / "absent.key")
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert "100 hex characters are no SM2 key" in lines[0]
    assert PAIR.fingerprint in lines[1]
    assert "No such file" in lines[2]


def test_what_is_sealed_for_a_private_key_is_opened_by_another_implementation(private_file, monkeypatch):
    """An OpenSSL that seals wrongly opens its own text all the same."""
    assert "opens by gmssl" in run("check", private_file).output
    monkeypatch.setattr(CryptSM2, "decrypt", lambda *_: b"[]")
    result = run("check", private_file)
    assert (result.exit_code, "gmssl does not open" in result.output) == (1, True)


def test_check_shows_samples_of_each_key_that_there_is(tmp_path, private_file):
    """A clerk sends them to the platform's people, whose answer is a number."""
    cut = tmp_path / "cut.key"
    cut.write_text(PAIR.public.hex[:100])
    shown = run("check", "--samples", private_file).output
    assert "\n10. ASN1 base64\n" in shown
    assert SAMPLE in shown
    told = json.loads(run("check", "--samples", private_file, cut, "-o", "json").output)
    assert [10, None] == [len(each["samples"]) if "samples" in each else None for each in told]


def test_check_warns_of_a_private_key_that_others_can_read(private_file):
    """A key copied by hand usually has mode 0644."""
    private_file.chmod(0o644)
    assert "chmod 600" in run("check", private_file).output


def test_show_has_the_public_key_in_every_form_and_nothing_of_the_private(private_file):
    """Its output is pasted into mails to the platform."""
    result = run("show", private_file, "-o", "json")
    shown = json.loads(result.output)
    for form in ("hex", "hex_without_04", "hex_compressed", "x509_base64", "x509_pem"):
        assert parse_public_key(shown[form]) == PAIR.public
    for output in (result.output, run("show", private_file).output):
        assert f"{PAIR.d:x}" not in output
        assert str(PAIR.d) not in output


def test_sample_opens_in_each_layout_it_is_labelled_with(private_file):
    """The platform's people say which one opens, and that label goes into site.yaml."""
    document = json.loads(run("sample", private_file, "--output", "json").output)
    opener = GmOpener(f"{PAIR.d:064x}")
    assert document["fingerprint"] == PAIR.fingerprint
    layouts = [
        Encoding(order=Order(each["order"]), prefix=each["prefix"], text=SealedText(each["text"])) for each in document["samples"]
    ]
    assert len(set(layouts)) == 10
    for layout, each in zip(layouts, document["samples"], strict=True):
        assert opener.open(each["sealed"], layout) == SAMPLE.encode()


def test_sample_says_what_sealing_does_not_do(private_file):
    """SM2 encryption is taken for a signature again and again."""
    output = run("sample", private_file).output
    assert "authenticates nobody" in output
    assert SAMPLE in output
