"""What tests of the join and of replay share."""

import shutil

import pytest

from streams.domain.join.fold import Joiner
from streams.mapping import compile_site, load_site
from tests.unit.streams.domain.join import join_rig


@pytest.fixture
def mended(tmp_path):
    """The join after somebody changed his.yaml."""

    def joiner(before, after):
        site = tmp_path / "site"
        shutil.copytree(join_rig.SITE.parent, site)
        text = (site / "his.yaml").read_text("utf-8")
        assert before in text
        (site / "his.yaml").write_text(text.replace(before, after), "utf-8")
        mappings = compile_site(load_site(site / "site.yaml"))
        return Joiner(mappings, join_rig.LIMITS, zone=mappings["his"].dialect.zone)

    return joiner
