"""A message with files, from the moment a person sends it until it may leave (chapter 10).

Theory. A message names places, and a place that is not there yet is a broken promise that nobody can mend: the message
has left. So the files go first, each to two sending services, and the content exists only when every file is stored
somewhere. A service that refuses is replaced by the next one that the person uses; one that does not answer comes last.

Rules:

1. There is no content before every file has a place (ATT-13); with one place the message may leave when no other
   service is left to try.
2. Each upload is encrypted for itself, so no two places of a draft share a key (ATT-3).
3. What can never be sent is refused at the beginning: a file that is too large (ATT-4), more than eight (ATT-12).
4. A draft is a value. Whoever keeps it, with the key of each upload before that is made, may repeat an upload after a
   crash and finds the one that was stored (SVC-7).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from communicator_impl.attachment import chunks_of
from communicator_impl.content import Attachment, Content, Location, encode_content
from communicator_impl.errors import InputError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["COPIES", "Draft", "FileToSend", "Upload"]

COPIES: Final = 2
"""How many sending services get a file (ATT-14)."""

_A: Final = PARAMETERS.attachment


class FileToSend(NamedTuple):
    """A file that a message is to carry; `length` in bytes."""

    length: int
    type: str
    name: str | None = None


class Upload(NamedTuple):
    """What a host does next: encrypt a file anew and store it at a sending service."""

    file: int
    service: int


class _Stored(msgspec.Struct, frozen=True):
    """One file: where it is, and which services are left, those in use first."""

    file: FileToSend
    left: tuple[int, ...]
    places: tuple[Location, ...] = ()

    @property
    def due(self) -> tuple[int, ...]:
        return self.left[: COPIES - len(self.places)]


class Draft(msgspec.Struct, frozen=True):
    """A message that waits for its files; every method returns a new value."""

    type: str
    data: bytes
    files: tuple[_Stored, ...]

    @classmethod
    def begin(cls, kind: str, data: bytes, files: Sequence[FileToSend], senders: Sequence[int]) -> "Draft":
        """Begin with the sending services in the person's order of preference."""
        if len(files) > _A.per_message_max:  # ATT-12
            raise InputError(ErrorClass.MALFORMED, f"{len(files)} files, at most {_A.per_message_max}")
        for file in files:
            chunks_of(file.length)  # ATT-4
        return cls(kind, data, tuple(_Stored(file, tuple(dict.fromkeys(senders))) for file in files))

    def due(self) -> tuple[Upload, ...]:
        """Return the uploads that are to be made or are under way."""
        return tuple(Upload(n, service) for n, stored in enumerate(self.files) for service in stored.due)

    def stored(self, upload: Upload, place: Location) -> "Draft":
        """A sending service has answered that it keeps the file there."""
        if any(place.key == other.key for file in self.files for other in file.places):  # ATT-3
            raise InputError(ErrorClass.REFUSED, "one key for two uploads")
        return self._after(upload, (place,))

    def failed(self, upload: Upload) -> "Draft":
        """A sending service has refused, or does not answer."""
        return self._after(upload, ())

    def postponed(self, upload: Upload) -> "Draft":
        """A sending service does not answer: the others are tried first."""
        return self._after(upload, (), again=True)

    def enough(self) -> "Draft":
        """Wait for no other service where a file has a place: what waits for the dead arrives with them (rule 1)."""
        files = tuple(msgspec.structs.replace(file, left=()) if file.places else file for file in self.files)
        return msgspec.structs.replace(self, files=files)

    def attachments(self, now_s: int) -> tuple[Attachment, ...] | None:
        """Return the files as a message lists them: None while uploads are due; raises as `content`."""
        return None if self.due() else tuple(_listed(file, now_s) for file in self.files)

    def content(self, now_s: int) -> bytes | None:
        """Return what is submitted: None while uploads are due; `EXPIRED` if a file has no place that still holds."""
        listed = self.attachments(now_s)
        return None if listed is None else encode_content(Content(self.type, self.data, listed))

    def _after(self, upload: Upload, places: tuple[Location, ...], *, again: bool = False) -> "Draft":
        if upload not in self.due():
            raise InputError(ErrorClass.UNKNOWN, "no such upload")
        old = self.files[upload.file]
        left = tuple(service for service in old.left if service != upload.service)
        new = _Stored(old.file, (*left, upload.service) if again else left, (*old.places, *places))
        return Draft(self.type, self.data, (*self.files[: upload.file], new, *self.files[upload.file + 1 :]))


def _listed(stored: _Stored, now_s: int) -> Attachment:
    places = tuple(place for place in stored.places if place.valid_until_s > now_s)
    if not places:  # ATT-13
        raise InputError(ErrorClass.EXPIRED, "a file is stored nowhere")
    return Attachment(stored.file.length, places, stored.file.type, stored.file.name)
