"""What rows cost of which all count."""

from pathlib import Path

from streams.domain.join import counting
from streams.mapping import compile_site, load_site
from tests.bench.messages import SAMPLE, Load, hospital_messages
from tests.bench.opcodes import count


def test_where_no_lookup_decides_nobody_asks_whether_a_row_counts():
    """It was asked twice a change, of every row of every site, and most sites have no such table."""
    lookups, changes = hospital_messages(2, partitions=1)
    ran = count(Load(lookups=lookups, changes=changes, partitions=1))
    modules = {Path(code.co_filename).name for code in ran}
    assert not any(mapping.by_lookup for mapping in compile_site(load_site(SAMPLE)).values())
    assert "fold.py" in modules
    assert Path(counting.__file__).name not in modules
