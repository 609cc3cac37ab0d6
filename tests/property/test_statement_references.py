"""What the check letter promises, for every reference."""

import re

from hypothesis import given
from hypothesis import strategies as st

from reconciliation.references import ALPHABET, find_references, is_reference, make_reference

references = st.builds(
    make_reference,
    st.text(ALPHABET, min_size=2, max_size=2),
    st.integers(min_value=1, max_value=99_999_999_999),
)
CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@given(references)
def test_what_is_made_is_recognised(reference: str) -> None:
    assert is_reference(reference)
    assert find_references(reference) == (reference,)


@given(references)
def test_every_single_wrong_character_is_caught(reference: str) -> None:
    for place, right in enumerate(reference):
        for wrong in CHARACTERS:
            if wrong != right:
                assert not is_reference(reference[:place] + wrong + reference[place + 1 :])


@given(references)
def test_every_swap_of_two_characters_is_caught(reference: str) -> None:
    for first in range(len(reference)):
        for second in range(first + 1, len(reference)):
            if reference[first] != reference[second]:
                swapped = list(reference)
                swapped[first], swapped[second] = swapped[second], swapped[first]
                assert not is_reference("".join(swapped))


@given(references, st.text(max_size=40), st.text(max_size=40))
def test_a_reference_between_clear_borders_is_always_found(reference: str, before: str, after: str) -> None:
    assert reference in find_references(f"{before} {reference} {after}")


@given(references, st.text(" .-/:_+;\n", min_size=13, max_size=13), st.booleans())
def test_separators_and_case_do_not_hide_a_reference(reference: str, separators: str, lower: bool) -> None:
    spread = "".join(a + b for a, b in zip(reference, separators + " ", strict=True))
    assert find_references(spread.lower() if lower else spread) == (reference,)


@given(st.text(CHARACTERS + " .", max_size=120))
def test_nothing_but_references_is_found(memo: str) -> None:
    found = find_references(memo)
    joined = re.sub(r"[ .]", "", memo)
    assert all(is_reference(reference) and reference in joined for reference in found)
    assert len(set(found)) == len(found)
