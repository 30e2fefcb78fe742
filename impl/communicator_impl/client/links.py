"""Links: a contact as text that can be sent, read out of a QR code, or typed by nobody.

A link is `communicator:contact/` and the contact in base64url. Whoever has it can begin one relationship, so it goes to
one person over a way that the person trusts; it is used up by whoever comes first, and ends by itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from communicator_impl.document import base64url, unbase64url
from communicator_impl.errors import InputError, PeerError
from communicator_spec import ErrorClass

__all__ = ["contact_of", "explained", "link_of"]

_SCHEME: Final = "communicator:contact/"
_NO_LINK: Final = "the link is not complete, or of another version; copy all of it, or ask for a new one"
_WHY: Final = {
    ErrorClass.EXPIRED: "the link has ended; ask for a new one",
    ErrorClass.FORGED: "the link was changed on its way; ask for a new one, over a way that you trust",
}


@contextmanager
def explained() -> Iterator[None]:
    """Say of a contact that cannot be used what helps: another link."""
    try:
        yield
    except PeerError as error:
        raise InputError(error.error_class, _WHY.get(error.error_class, _NO_LINK)) from error


def link_of(contact: bytes) -> str:
    """Return the link of a contact."""
    return _SCHEME + base64url(contact)


def contact_of(link: str) -> bytes:
    """Return the contact of a link; `InputError` if it is none, or was cut off while it was copied."""
    text = "".join(link.split())
    if not text.startswith(_SCHEME):
        raise InputError(ErrorClass.MALFORMED, f"a link begins with {_SCHEME}")
    try:
        return unbase64url(text.removeprefix(_SCHEME))
    except PeerError as error:
        raise InputError(ErrorClass.MALFORMED, "the link is not complete; copy all of it") from error
