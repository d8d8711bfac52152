"""Which Java runs the brokers: an old one fails late and strangely."""

import pytest

from sandbox import java
from streams.errors import Misconfigured


@pytest.fixture
def jdk(tmp_path, monkeypatch):
    """Makes JAVA_HOME a Java of a given version and hides every other."""

    def make(banner: str):
        program = tmp_path / "bin" / "java"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\necho '{banner}' >&2\n")
        program.chmod(0o755)
        monkeypatch.setenv("JAVA_HOME", str(tmp_path))
        monkeypatch.setattr(java, "_JVMS", tmp_path / "none")
        monkeypatch.setattr(java.shutil, "which", lambda _: None)
        return program

    return make


@pytest.mark.parametrize(
    "banner", ['openjdk version "17.0.15" 2025-04-15', 'openjdk version "21" 2023-09-19', 'java version "25.0.1"']
)
def test_a_new_enough_java_is_taken(jdk, banner):
    """Kafka 4 runs on 17 and every later one."""
    assert jdk(banner) == java.find_java()


@pytest.mark.parametrize(("banner", "told"), [('java version "1.8.0_402"', "Java 8"), ('openjdk version "11.0.2"', "Java 11")])
def test_an_old_java_is_refused_by_its_number(jdk, banner, told):
    """The message must say what was found, or the reader looks for the wrong thing."""
    jdk(banner)
    with pytest.raises(Misconfigured, match=told):
        java.find_java()


def test_a_program_that_is_no_java_is_refused(jdk):
    """A stub that only says where to get Java (as some systems install) must not be taken for one."""
    jdk("No Java runtime present")
    with pytest.raises(Misconfigured, match="no working Java"):
        java.find_java()
