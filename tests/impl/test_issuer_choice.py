"""A device looks at an issuer from elsewhere before it asks, and says when one operator would see both ends."""

import pytest
from tests.impl.issuing import signer

from communicator_impl.document import Document
from communicator_impl.errors import InputError, PeerError
from communicator_impl.issuer_choice import has_one_operator, seen_alike
from communicator_impl.issuer_keys import IssuerKey, read_issuer_document, write_issuer_document
from communicator_impl.tokens import Purpose, TokenKey
from communicator_spec import ErrorClass

SHOWN = write_issuer_document([IssuerKey(p, 7, TokenKey(signer(p).public)) for p in (Purpose.SUBMIT, Purpose.FETCH)])
MARKED = write_issuer_document([IssuerKey(Purpose.SUBMIT, 7, TokenKey(signer(Purpose.QUERY).public))])


def test_keys_that_came_only_the_way_tokens_are_asked_for_are_not_used() -> None:  # TOK-3
    with pytest.raises(InputError, match="another way"):
        seen_alike({"direct": SHOWN}, "direct")
    with pytest.raises(InputError, match="another way"):
        seen_alike({}, "direct")


def test_keys_that_all_ways_show_are_used() -> None:  # TOK-3
    expected = read_issuer_document(SHOWN)
    assert set(seen_alike({"proxy": SHOWN}, "direct")) == set(expected)
    assert set(seen_alike({"proxy": SHOWN, "direct": SHOWN}, "direct")) == set(expected)


@pytest.mark.parametrize("marked", ["proxy", "direct"])
def test_an_issuer_that_shows_one_person_another_key_is_found_out(marked: str) -> None:  # TOK-3
    with pytest.raises(PeerError) as raised:
        seen_alike({"proxy": SHOWN, "direct": SHOWN} | {marked: MARKED}, "direct")
    assert raised.value.error_class is ErrorClass.FORGED


@pytest.mark.parametrize(
    ("issuer", "service", "warns"),
    [("Example Post", "Example Post", True), ("example  post ", "Example Post", True), ("Example", "Other", False)],
)
def test_one_operator_at_both_ends_is_told_to_the_person(issuer: str, service: str, warns: bool) -> None:  # TOK-19
    assert has_one_operator(Document(1, issuer), Document(1, service)) is warns
