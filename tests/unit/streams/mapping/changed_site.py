"""The join's small site with other words in its files."""

from streams.mapping import BadFiles, load_site
from tests.unit.streams.domain.join.join_rig import SITE


def load_changed(folder, change):
    """The site after `change` rewrote each of its files; where it does not load, every problem in words."""
    for file in SITE.parent.iterdir():
        (folder / file.name).write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")
    try:
        return load_site(folder / "site.yaml")
    except BadFiles as bad:
        return [str(problem).partition(": ")[2] for problem in bad.problems]
