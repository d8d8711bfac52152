"""The program of `guard.Guard`: waits for the end of its input, then takes the stack in the given directory down."""

import sys
from pathlib import Path

from sandbox.stack.guard import DISMISSED
from sandbox.stack.stack import Stack

if sys.stdin.buffer.read() != DISMISSED:
    Stack(Path(sys.argv[1])).down()
