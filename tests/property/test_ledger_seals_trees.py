"""Merkle trees of any size: every leaf is proved at its own place, and nowhere else."""

from hypothesis import given
from hypothesis import strategies as st

from ledger.merkle import inclusion_path, merkle_root, root_along


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70, unique=True), st.data())
def test_a_leaf_is_proved_at_its_place_alone(leaves: list[bytes], data: st.DataObject) -> None:
    places = st.integers(0, len(leaves) - 1)
    index, other = data.draw(places), data.draw(places)
    path = inclusion_path(leaves, index)
    found = root_along(path, leaves[index], other, len(leaves))
    assert (found == merkle_root(leaves)) is (index == other)
    assert root_along(path, leaves[index], len(leaves), len(leaves)) is None
