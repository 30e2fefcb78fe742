"""The keys of an issuer by purpose and epoch, and the document that shows them to everybody (RFC 9578 §4, chapter 9).

Theory. Whoever signs with a key that only one person got recognises that person's tokens by the key. So keys are few,
the same for everybody, and known before they are used: one for each purpose and epoch. The epoch follows from the date
alone, so that nobody can stretch the time in which few people share a key. ::

    epoch  = seconds since 1970 // 7 days
    issues   from the begin of its epoch to the end          `not-before`
    taken    until 7 days after that                         `not-after`

Rules:

1. A key that is not of exactly one epoch is malformed (TOK-1).
2. A member of the document that is not known is ignored, and so is a key of another token type (SVC-15).
"""

import base64
import binascii
from collections.abc import Iterable
from typing import Final

import msgspec

from communicator_impl.errors import PeerError
from communicator_impl.tokens import Purpose, TokenKey
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["IssuerKey", "epoch_begin_s", "epoch_of", "read_issuer_document", "write_issuer_document"]

_T: Final = PARAMETERS.token
_REQUEST_URI: Final = "/v1/tokens"
_KEYS_MAX: Final = 256
_BYTES_MAX: Final = 1 << 18


def epoch_of(now_s: int) -> int:
    """Return the number of the epoch that a time falls in."""
    return now_s // _T.epoch_s


def epoch_begin_s(epoch: int) -> int:
    """Return when an epoch begins, in seconds."""
    return epoch * _T.epoch_s


class IssuerKey(msgspec.Struct, frozen=True):
    """A public key with its purpose and its epoch."""

    purpose: Purpose
    epoch: int
    key: TokenKey

    @property
    def begins_s(self) -> int:
        """When it begins to issue."""
        return epoch_begin_s(self.epoch)

    @property
    def issues_until_s(self) -> int:
        """When it stops issuing."""
        return epoch_begin_s(self.epoch + 1)

    @property
    def ends_s(self) -> int:
        """From when on its tokens are not taken any more."""
        return self.issues_until_s + _T.redeem_grace_s

    def issues(self, now_s: int) -> bool:
        """Tell whether it issues now."""
        return self.begins_s <= now_s < self.issues_until_s


class _Row(msgspec.Struct, frozen=True, rename="kebab"):
    """One key of the document; other types of tokens lack what this protocol adds."""

    token_type: int
    token_key: str
    purpose: str = ""
    not_before: int = -1
    not_after: int = -1


class _Document(msgspec.Struct, frozen=True, rename="kebab"):
    token_keys: tuple[_Row, ...]
    issuer_request_uri: str = _REQUEST_URI


def write_issuer_document(keys: Iterable[IssuerKey]) -> bytes:
    """Return the JSON of `/.well-known/private-token-issuer-directory`."""
    rows = (
        _Row(_T.type, base64.urlsafe_b64encode(k.key.encode()).decode(), k.purpose, k.begins_s, k.ends_s) for k in keys
    )
    return msgspec.json.encode(_Document(tuple(rows)))


def read_issuer_document(data: bytes) -> tuple[IssuerKey, ...]:
    """Read the JSON of an issuer; `MALFORMED`, and `TOO_LARGE` if it is longer than that of any issuer."""
    if len(data) > _BYTES_MAX:
        raise PeerError(ErrorClass.TOO_LARGE, "issuer document")
    try:
        rows = msgspec.json.decode(data, type=_Document).token_keys
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # not UTF-8 is a ValueError
        raise PeerError(ErrorClass.MALFORMED, "issuer document") from error
    if len(rows) > _KEYS_MAX:
        raise PeerError(ErrorClass.TOO_LARGE, "keys of an issuer")
    keys = tuple(_read(row) for row in rows if row.token_type == _T.type and row.purpose in list(Purpose))
    if len({(k.purpose, k.epoch) for k in keys}) != len(keys) or len({k.key for k in keys}) != len(keys):
        raise PeerError(ErrorClass.MALFORMED, "keys that share a purpose and an epoch, or a key in two places")  # TOK-1
    return keys


def _read(row: _Row) -> IssuerKey:
    padded = row.token_key.rstrip("=") + "=" * (-len(row.token_key.rstrip("=")) % 4)
    try:
        key = TokenKey.decode(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise PeerError(ErrorClass.MALFORMED, "token key") from error
    found = IssuerKey(Purpose(row.purpose), epoch_of(row.not_before), key)
    if (row.not_before, row.not_after) != (found.begins_s, found.ends_s):
        raise PeerError(ErrorClass.MALFORMED, "dates of a token key")  # TOK-1
    return found
