"""How Vietnamese names are compared: what is one name written differently, and what is another's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.people.names import resemblance_percent

words = st.lists(st.sampled_from(["Nguyễn", "Trần", "Thị", "Văn", "Hòa", "Đức", "Ánh"]), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("one", "other", "percent"),
    [
        ("Đặng Thị Ước", "DANG THI UOC", 100),
        ("Trần Đức  Anh", "trần đức anh", 100),
        ("Lê Hồng Phong", "PHONG LE HONG", 95),
        ("Nguyễn Văn An", "NGUYEN V AN", 90),
        ("Nguyễn Văn An", "NGUYEN VAN", 80),
        ("Nguyễn Văn An", "NGUYEM VAN AN", 90),
        ("Nguyễn Văn An", "NGUYEN VAN BA", 66),
        ("Nguyễn Văn An", "TRAN THI BA", 0),
        ("Nguyễn Văn An", "", 0),
    ],
)
def test_names_resemble_each_other(one: str, other: str, percent: int) -> None:
    assert resemblance_percent(one, other) == percent


@given(words, words)
def test_the_measure_has_no_side_and_stays_within_bounds(one: list[str], other: list[str]) -> None:
    left, right = " ".join(one), " ".join(other)
    assert resemblance_percent(left, right) == resemblance_percent(right, left)
    assert 0 <= resemblance_percent(left, right) <= 100
    assert resemblance_percent(left, left.upper()) == 100
