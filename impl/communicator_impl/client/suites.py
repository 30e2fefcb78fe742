"""Which suite a person chose: that of the own links and contacts, and the least that somebody else's must have.

A store from before there was a choice makes links of suite 1, as it always did; a new one is told which to make.
"""

from typing import Final

import msgspec

from communicator_impl.client.vault import Vault
from communicator_impl.directory import Contact
from communicator_impl.errors import InputError
from communicator_impl.introduction import CLASSICAL, Suites
from communicator_impl.suite import Suite
from communicator_spec import ErrorClass

__all__ = ["check_link", "chosen", "keep"]

_ROW: Final = "suites"


def chosen(vault: Vault) -> Suites:
    """Return what was chosen last."""
    value = vault.load(_ROW)
    if value is None:
        return CLASSICAL
    own, least = msgspec.msgpack.decode(value, type=tuple[int, int])
    return Suites(Suite(own), Suite(least))


def check_link(contact: bytes, now_s: int, suites: Suites) -> None:
    """Refuse a link of less than the person requires, in words that say what to do (EXT-11)."""
    if Contact.decode(contact, now_s).package.suite < suites.least:
        raise InputError(
            ErrorClass.REFUSED,
            "the link is classical, and you require hybrid ones; ask for another link, or take this one after:"
            " communicator rm suite hybrid",
        )


def keep(vault: Vault, suites: Suites) -> None:
    """Choose for all links to come; whoever requires a suite has to offer it."""
    if suites.least > suites.own:
        raise InputError(ErrorClass.REFUSED, "who requires suite 2 has to make links of suite 2, too")
    vault.save(_ROW, msgspec.msgpack.encode([int(suites.own), int(suites.least)]))
