"""A device fills its contacts up when half are gone, and replaces those that end before it looks again."""

import pytest

from communicator_impl.contact_supply import contacts_wanted
from communicator_impl.errors import InputError
from communicator_spec.parameters import PARAMETERS

LATER = 1_000
NEVER_SOON = [LATER + 1] * 40


@pytest.mark.parametrize(("left", "wanted"), [(40, 0), (21, 0), (20, 0), (19, 21), (1, 39), (0, 40)])
def test_contacts_are_uploaded_when_fewer_than_half_remain(left: int, wanted: int) -> None:  # DIR-7
    assert contacts_wanted(left, 40, NEVER_SOON, LATER) == wanted


@pytest.mark.parametrize(("left", "ending", "wanted"), [(40, 3, 3), (30, 5, 5), (22, 3, 21), (2, 9, 40)])
def test_contacts_that_end_before_the_next_look_are_replaced(left: int, ending: int, wanted: int) -> None:  # DIR-7
    assert contacts_wanted(left, 40, [LATER] * ending + NEVER_SOON, LATER) == wanted


def test_one_request_carries_no_more_than_a_directory_takes() -> None:  # DIR-8
    most = PARAMETERS.directory.contacts_stored_max
    assert contacts_wanted(0, most, [], LATER) == PARAMETERS.directory.contacts_upload_max
    assert contacts_wanted(most, most, [LATER] * most, LATER) == 0


def test_a_number_that_no_directory_keeps_is_refused() -> None:
    for keeps in (0, PARAMETERS.directory.contacts_stored_max + 1):
        with pytest.raises(InputError):
            contacts_wanted(0, keeps, [], LATER)
