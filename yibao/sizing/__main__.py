"""`python -m yibao.sizing FILE`: the tables of docs/sizing.md anew, between their marks."""

import sys
from pathlib import Path

from yibao.sizing.page import written

if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(written(page.read_text(encoding="utf-8")), encoding="utf-8")
