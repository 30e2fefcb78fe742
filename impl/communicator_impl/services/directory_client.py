"""What a reader asks of a directory over HTTP: document, heads, leaves and paths, bounded and not redirected.

Theory. A reader trusts nothing that a directory says, so it needs little: the bytes, of a length that the standard
allows. What they mean is for `directory_reader` and `directory_monitor`. A directory may be asked over several ways, by
other addresses or networks; each way is a base for paths, and the name of the directory stays what its heads say.

Rules:

1. An answer that is longer than it may be is not read to its end.
2. No redirection is followed (SVC-9).
3. No answer, and one with another status than success, is a `ServiceError`; from 500 on it is no answer (SVC-6).
"""

from typing import Final

import httpx

from communicator_impl import wire
from communicator_impl.directory import Head, read_path
from communicator_impl.document import Directory, Document
from communicator_impl.errors import PeerError, ServiceError
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["DirectoryClient", "get_bytes"]

_D: Final = PARAMETERS.directory
_V: Final = PARAMETERS.service
_PATH_BYTES_MAX: Final = 2 + _D.proof_hashes_max * 34
_TIMEOUT_S: Final = 10.0


def get_bytes(url: str, most: int) -> bytes:
    """Fetch at most `most` bytes: `ServiceError` of class `UNKNOWN` without an answer, `TOO_LARGE` beyond."""
    data = bytearray()
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT_S, follow_redirects=False) as answer:  # SVC-9
            if answer.status_code != httpx.codes.OK:
                raise ServiceError(ErrorClass.UNKNOWN, f"status {answer.status_code}")
            for part in answer.iter_raw():
                data += part
                if len(data) > most:
                    raise ServiceError(ErrorClass.TOO_LARGE, "answer")
    except httpx.HTTPError as error:
        raise ServiceError(ErrorClass.UNKNOWN, type(error).__name__) from error
    return bytes(data)


class DirectoryClient:
    """One way to a directory: `base` is where it is asked, `uri` what it is."""

    def __init__(self, uri: str, base: str = "") -> None:
        self.base = base or uri
        self._uri = uri

    def document(self) -> Directory:
        """Return what the origin says of its directory; `ServiceError` if it runs none."""
        document = Document.decode(self._get(_V.document_path, _V.document_bytes_max), self._uri)
        if document.directory is None:
            raise ServiceError(ErrorClass.UNKNOWN, "no directory at this origin")
        return document.directory

    def head(self) -> Head:
        """Return the newest head; whose it is shows `DirectoryReader`."""
        return Head.decode(self._get("/v1/log/head", _D.entry_bytes_max))

    def leaves(self, first: int, to: int) -> tuple[bytes, ...]:
        """Return leaves, at most 1,024."""
        data = self._get(f"/v1/log/leaves?from={first}&to={to}", _D.leaves_max * _D.entry_bytes_max)
        try:
            return wire.sequence(data, _D.leaves_max, _D.entry_bytes_max)
        except PeerError as error:
            raise ServiceError(error.error_class, "leaves") from error

    def consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        """Return the path between two trees."""
        return read_path(self._get(f"/v1/log/consistency?first={first}&second={second}", _PATH_BYTES_MAX))

    def _get(self, target: str, most: int) -> bytes:
        return get_bytes(self.base + target, most)
