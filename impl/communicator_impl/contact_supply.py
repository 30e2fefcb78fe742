"""How many contacts a device leaves at a directory: enough for strangers who come while it is off, and fresh ones.

Theory. A contact serves one stranger and ends with its key package. If the device waited until none is left, strangers
would be turned away; if it filled up after each one, the directory would see when the device is on. So it waits until
half are gone, and replaces what will have ended before it looks again.
"""

from collections.abc import Iterable
from typing import Final

from communicator_impl.errors import InputError
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["contacts_wanted"]

_D: Final = PARAMETERS.directory


def contacts_wanted(left: int, keeps: int, ends_s: Iterable[int], look_again_s: int) -> int:
    """Return how many contacts to upload now, in one request at most (DIR-7, DIR-8).

    `left` is what the directory says that it has, `keeps` what the device wants to have there, `ends_s` when the
    contacts end that may be left there, and `look_again_s` when the device looks next; both in seconds since 1970.
    """
    if not 0 < keeps <= _D.contacts_stored_max or left < 0:
        raise InputError(ErrorClass.REFUSED, "a directory keeps no such number of contacts")
    ending = min(left, sum(1 for end_s in ends_s if end_s <= look_again_s))
    lasting = left - ending
    wanted = keeps - lasting if 2 * lasting < keeps else ending
    return min(wanted, keeps - lasting, _D.contacts_stored_max - left, _D.contacts_upload_max) if wanted > 0 else 0
