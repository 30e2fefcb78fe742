"""What a device checks before it trusts an issuer of tokens: whose it is, and that everybody sees the same keys.

Theory. A token hides its owner among all who have tokens of one key. An issuer that showed one person a key of his own
would mark his tokens, and an issuer with the operator of the service where they are spent has both ends to compare. The
device sees neither from inside; what it can do is to look at the keys from elsewhere, and to read who runs what.

Rules:

1. The host names its ways to an issuer as it likes: a proxy, another network, a directory of keys.
2. Keys are good only if the ways agree, and one of them is not the way by which tokens are asked for.
"""

from collections.abc import Mapping

from communicator_impl.document import Document
from communicator_impl.errors import InputError, PeerError
from communicator_impl.issuer_keys import IssuerKey, read_issuer_document
from communicator_spec import ErrorClass

__all__ = ["has_one_operator", "seen_alike"]


def seen_alike(answers: Mapping[str, bytes], asks_by: str) -> tuple[IssuerKey, ...]:
    """Return the keys of an issuer from its documents by way, if they agree: `FORGED` where they do not.

    `asks_by` is the way by which tokens will be asked for; it alone is refused with `InputError` (TOK-3).
    """
    if not answers.keys() - {asks_by}:
        raise InputError(ErrorClass.REFUSED, "fetch the keys of an issuer by another way too")
    found = [frozenset(read_issuer_document(document)) for _, document in sorted(answers.items())]
    if any(keys != found[0] for keys in found[1:]):
        raise PeerError(ErrorClass.FORGED, "an issuer shows different keys to different people")
    return tuple(sorted(found[0], key=lambda key: (key.epoch, key.purpose)))


def has_one_operator(issuer: Document, service: Document) -> bool:
    """Tell whether the person is to be warned: who issues the tokens also sees them spent (TOK-19).

    Names are compared as people read them: without regard to case, and to space around or between words.
    """
    return _plain(issuer.operator) == _plain(service.operator)


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
