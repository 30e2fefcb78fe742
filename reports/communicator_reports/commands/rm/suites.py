"""Names of suites, as people choose and read them."""

from enum import StrEnum

from communicator_impl.errors import InputError
from communicator_impl.introduction import Suites
from communicator_impl.suite import Suite
from communicator_spec import ErrorClass

__all__ = ["SuiteName", "name_of", "suites_of"]


class SuiteName(StrEnum):
    """A suite by its name."""

    HYBRID = "hybrid"
    CLASSICAL = "classical"


def name_of(suite: Suite | None) -> str | None:
    """Return the name of a suite; None where a relationship has none any more."""
    return None if suite is None else SuiteName[suite.name].value


def suites_of(name: SuiteName, *, required: bool) -> Suites:
    """Return what a person chose."""
    if required and name is SuiteName.CLASSICAL:
        raise InputError(ErrorClass.REFUSED, "who requires hybrid links makes hybrid ones: leave --suite classical out")
    return Suites(Suite[name.name], Suite.HYBRID if required else Suite.CLASSICAL)
