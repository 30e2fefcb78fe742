"""Messages that wait for their files: what a person attached, in the store, until sending services have it too.

Theory. A message names places, so its files go first (ATT-13), and that takes as long as services and the network want.
Meanwhile the message and its files are rows of the store, and each pass stores what it can. ::

    written → for each file, at two sending services: key in the row → upload → place in the row → submitted, row gone

A crash between an upload and its row costs nothing: the key is in the row before the upload is made, so the same bytes
are sent again, and the service answers with the upload that it has (SVC-7).

Rules:

1. A file is copied into the store in the transaction that accepts its message; the person may delete it then.
2. A key is drawn for one file and one service, and is never used for another (ATT-3).
3. A service that does not answer is tried last. With one place a file has to be enough, when no other service takes it
   now: a message does not wait for the dead.
4. Every upload has a connection of its own (ATT-10).
5. What nobody takes fails where the person sees it, after as long as a message is sent (DELIV-10).
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from communicator_impl.attachment import chunks_of, encrypt_with
from communicator_impl.client.book import Book
from communicator_impl.client.courier import Courier, Silent
from communicator_impl.client.purses import Payment, Purses, Unpaid
from communicator_impl.client.records import number_name, packed, unpacked
from communicator_impl.client.vault import Vault
from communicator_impl.content import Attachment, Content, Location, decode_profile, encode_content, encode_profile
from communicator_impl.entropy import Entropy
from communicator_impl.errors import CommunicatorError, InputError
from communicator_impl.outbox import CONTENT_BYTES_MAX
from communicator_impl.tokens import Purpose
from communicator_impl.upload import COPIES, Draft, FileToSend, Upload
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["Uploads", "Waiting"]

_A: Final = PARAMETERS.attachment
_PROFILE: Final = PARAMETERS.content.profile_type
_LIFETIME_MS: Final = PARAMETERS.delivery.message_lifetime_s * 1000
_STORED_S: Final = _A.lifetime_s_max
_PIECE: Final = 1 << 20
_PATH: Final = "/v1/attachments/"
_ID_CHARS: Final = 43


class _Key(msgspec.Struct, frozen=True, array_like=True):
    file: int
    service: int
    key: bytes


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """A message that waits for its files; `error` says why it never will leave, if it will not."""

    relationship: int
    began_ms: int
    draft: Draft
    keys: tuple[_Key, ...] = ()
    error: str = ""

    def key(self, upload: Upload) -> bytes | None:
        """Return the key that was drawn for an upload."""
        return next((k.key for k in self.keys if (k.file, k.service) == upload), None)


class Uploads:
    """Rows `draft/S` and the pieces of their files, `piece/S/F/P`."""

    def __init__(
        self, vault: Vault, book: Book, courier: Courier, purses: Purses, entropy: Entropy, clock: Callable[[], int]
    ) -> None:
        self._vault, self._book, self._courier, self._purses = vault, book, courier, purses
        self._entropy, self._clock = entropy, clock

    # ---------------------------------------------------------------- rows

    def plan(self, number: int, relationship: int, kind: str, data: bytes, files: Sequence[tuple[Path, str]]) -> None:
        """Take a message with files, given as path and type; what can never be sent raises, and nothing was taken."""
        senders = self._book.setting.sending
        named = [FileToSend(_length(path), media, _name(path)) for path, media in files]
        draft = Draft.begin(kind, data, named, senders)
        for file in named:
            self._need_room(file, senders)
        _need_place(draft, [self._book.uri(sender) for sender in senders])
        with self._vault.together():
            for place, (path, _) in enumerate(files):
                self._copy(number, place, path, named[place].length)
            self._keep(number, Waiting(relationship, self._clock(), draft))

    def all(self) -> dict[int, Waiting]:
        """Return all messages that wait, or failed while they did, in the order in which they were written."""
        rows = self._vault.items("draft/")
        return {int(name.rpartition("/")[2]): unpacked(value, Waiting) for name, value in rows}

    def is_empty(self) -> bool:
        """Tell whether nothing is left to be stored."""
        return all(waiting.error for waiting in self.all().values())

    def forget(self, number: int) -> None:
        """The message was submitted, or nobody wants it any more."""
        with self._vault.together():
            self._vault.delete(number_name("draft", number))
            self._drop_pieces(number)

    def fail(self, number: int, waiting: Waiting, why: str) -> None:
        """The message will not leave: the person sees why."""
        with self._vault.together():
            self._keep(number, msgspec.structs.replace(waiting, error=why))
            self._drop_pieces(number)

    def _keep(self, number: int, waiting: Waiting) -> Waiting:
        self._vault.save(number_name("draft", number), packed(waiting))
        return waiting

    def _copy(self, number: int, place: int, path: Path, length: int) -> None:
        left = length
        try:
            with path.open("rb") as file:
                for piece in range(-(-length // _PIECE)):
                    data = file.read(_PIECE)
                    self._vault.save(_piece_name(number, place, piece), data)
                    left -= len(data)
                left -= len(file.read(1))
        except OSError as error:
            raise InputError(ErrorClass.UNKNOWN, f"{path} cannot be read: {error.strerror}") from error
        if left:
            raise InputError(ErrorClass.REFUSED, f"{path} was changed while it was read; try again")

    def _pieces(self, number: int, place: int) -> Iterator[bytes]:
        for name in self._vault.keys(f"{number_name('piece', number)}/{place}/"):
            yield self._vault.load(name) or b""

    def _drop_pieces(self, number: int) -> None:
        for name in [*self._vault.keys(f"{number_name('piece', number)}/")]:
            self._vault.delete(name)

    # ---------------------------------------------------------------- one pass

    def carry_out(self, number: int, waiting: Waiting) -> bytes | None:
        """Store what can be stored now; return the content that may be submitted, once there is one (ATT-13)."""
        now_s, before = self._clock() // 1000, waiting
        if any(place.valid_until_s <= now_s for file in waiting.draft.files for place in file.places):
            waiting = self._begun_again(waiting)
        tried: set[Upload] = set()
        while due := [upload for upload in waiting.draft.due() if upload not in tried]:
            tried.add(due[0])
            waiting = self._attempt(number, waiting, due[0])
        waiting = msgspec.structs.replace(waiting, draft=waiting.draft.enough())
        if waiting != before:
            self._keep(number, waiting)
        if self._clock() >= waiting.began_ms + _LIFETIME_MS:
            self.fail(number, waiting, "no sending service has answered for too long")
            return None
        try:
            listed = waiting.draft.attachments(now_s)
        except InputError:
            self.fail(number, waiting, "no sending service takes the file")
            return None
        return None if listed is None else _content(waiting.draft, listed)

    def _begun_again(self, waiting: Waiting) -> Waiting:
        files = [stored.file for stored in waiting.draft.files]
        draft = Draft.begin(waiting.draft.type, waiting.draft.data, files, self._book.setting.sending)
        return msgspec.structs.replace(waiting, draft=draft, keys=())

    def _attempt(self, number: int, waiting: Waiting, upload: Upload) -> Waiting:
        document, draft = self._book.document(upload.service), waiting.draft
        if document is None or not self._book.may_ask(upload.service, self._clock()):
            return msgspec.structs.replace(waiting, draft=draft.postponed(upload))
        file = draft.files[upload.file].file
        if document.sending is None or chunks_of(file.length) not in dict(document.sending.upload):  # ATT-9
            return msgspec.structs.replace(waiting, draft=draft.failed(upload))
        waiting, key = self._with_key(number, waiting, upload)
        try:
            place = self._store(number, upload, key, file.length)
        except Unpaid:
            return msgspec.structs.replace(waiting, draft=draft.postponed(upload))
        except Silent:
            self._book.silent(upload.service, self._clock())
            return msgspec.structs.replace(waiting, draft=draft.postponed(upload))
        except CommunicatorError:
            return msgspec.structs.replace(waiting, draft=draft.failed(upload))
        self._book.heard(upload.service, self._clock())
        return self._keep(number, msgspec.structs.replace(waiting, draft=draft.stored(upload, place)))

    def _with_key(self, number: int, waiting: Waiting, upload: Upload) -> tuple[Waiting, bytes]:
        """Draw the key of one upload, and keep it before a byte leaves (rule 2)."""
        known = waiting.key(upload)
        if known is not None:
            return waiting, known
        key = self._entropy.draw("attachment.key", _A.key_bytes)  # ATT-3
        keys = (*waiting.keys, _Key(upload.file, upload.service, key))
        return self._keep(number, msgspec.structs.replace(waiting, keys=keys)), key

    def _store(self, number: int, upload: Upload, key: bytes, length: int) -> Location:
        payments = self._paid(upload, key, length)
        with tempfile.TemporaryFile() as ciphertext:
            digest = encrypt_with(key, self._pieces(number, upload.file), length, ciphertext.write)
            ciphertext.seek(0)
            tokens = [payment.token for payment in payments]
            stored = self._courier.store(self._book.uri(upload.service), ciphertext, _STORED_S, *tokens)
        self._purses.settled_all(payments)
        return Location(stored.uri, key, digest, stored.valid_until_s)

    def _paid(self, upload: Upload, key: bytes, length: int) -> list[Payment]:
        """Return the tokens for one upload, as many as its size costs; for the same one the same again (ATT-9)."""
        document = self._book.document(upload.service)
        cost = dict(document.sending.upload)[chunks_of(length)] if document and document.sending else 1
        return self._purses.pay_later(document, Purpose.UPLOAD, key, cost)

    # ---------------------------------------------------------------- what can never be sent

    def _need_room(self, file: FileToSend, senders: Sequence[int]) -> None:
        """Refuse a file that no known sending service would take (ATT-9)."""
        documents = [self._book.document(sender) for sender in senders]
        offers = [dict(d.sending.upload) for d in documents if d is not None and d.sending is not None]
        if offers and not any(chunks_of(file.length) in offer for offer in offers):
            most = max((max(offer, default=0) for offer in offers), default=0)
            bytes_max = max(0, most * _A.chunk_plain_bytes - _A.length_bytes)
            raise InputError(
                ErrorClass.TOO_LARGE, f"{file.name} has {file.length} bytes; your sending services take {bytes_max}"
            )


def _need_place(draft: Draft, senders: Sequence[str]) -> None:
    """Refuse a text that leaves no room for where its files are."""
    longest = max(map(len, senders), default=0) + len(_PATH) + _ID_CHARS
    place = Location("x" * longest, bytes(_A.key_bytes), bytes(_A.digest_bytes), 1 << 32)
    files = (stored.file for stored in draft.files)
    listed = tuple(Attachment(f.length, (place,) * COPIES, f.type, f.name) for f in files)
    try:
        fits = len(_content(draft, listed)) <= CONTENT_BYTES_MAX  # ENV-11
    except InputError as error:
        if error.error_class is not ErrorClass.TOO_LARGE:
            raise
        fits = False
    if not fits:
        raise InputError(
            ErrorClass.TOO_LARGE, "the text, and where the files are, do not fit into one message; send several"
        )


def _content(draft: Draft, listed: tuple[Attachment, ...]) -> bytes:
    """Return the content: the files beside the data, or the picture inside a profile."""
    if draft.type != _PROFILE:
        return encode_content(Content(draft.type, draft.data, listed))
    profile = msgspec.structs.replace(decode_profile(draft.data), picture=listed[0])
    return encode_content(Content(_PROFILE, encode_profile(profile)))


def _length(path: Path) -> int:
    try:
        if not path.is_file():
            raise InputError(ErrorClass.UNKNOWN, f"{path} is no file")
        return path.stat().st_size
    except OSError as error:
        raise InputError(ErrorClass.UNKNOWN, f"{path} cannot be read: {error.strerror}") from error


def _name(path: Path) -> str:
    """Return the name that the peer sees: that of the file, without the folder, cut to what a message holds."""
    name = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in path.name)
    while len(name.encode(errors="replace")) > _A.name_bytes_max:
        name = name[1:]
    return name


def _piece_name(number: int, place: int, piece: int) -> str:
    return f"{number_name('piece', number)}/{place}/{piece:08d}"
