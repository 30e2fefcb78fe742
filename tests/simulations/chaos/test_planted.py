"""Planted bugs: each replaces what is there, says when it is reached, and names what finds it."""

import subprocess
import sys

import pytest

from communicator_simulations.chaos.planted import BUGS, plant, reached_line
from communicator_simulations.chaos.planted.bug import replaced


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_replaces_what_is_there(name: str) -> None:
    put = list[tuple[object, str, object]]()
    bug = plant(name, lambda owner, attribute, new: put.append((owner, attribute, new)), lambda: None)
    assert put
    for owner, attribute, new in put:
        assert getattr(owner, attribute) is not new
        assert callable(new) or isinstance(new, classmethod)
    assert bug.kills or bug.troubles
    assert bug.caught_by


def test_a_bug_in_a_place_that_is_gone_is_an_error() -> None:
    with pytest.raises(AttributeError, match="planted where nothing is"):
        replaced(setattr, object, "gone", None)


def test_a_bug_that_is_reached_says_so_once() -> None:
    name = "begins-with-an-empty-outbox"
    program = f"from communicator_simulations.chaos.planted.bug import said; say = said({name!r}); say(); say()"
    done = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=True)
    assert done.stderr == f"{reached_line(name)}\n"
