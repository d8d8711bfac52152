"""The command line in this process: a process of its own would spend two seconds on imports."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

from yibao.main import run


def yibao(*words):
    """Exit code, standard output and standard error of a command that writes to no terminal."""
    out, err = io.StringIO(), io.StringIO()
    with patch.object(sys, "argv", ["yibao", *map(str, words)]), redirect_stdout(out), redirect_stderr(err):
        try:
            run()
        except SystemExit as stopped:
            return stopped.code or 0, out.getvalue(), err.getvalue()
    raise AssertionError("every command ends the process")
