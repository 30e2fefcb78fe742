"""Finding somebody at a directory: its entry of the name is checked, a contact is taken, the relationship begins.

Theory. A stranger pays for a query and for a contact, and shows nobody who he is. A contact that was taken is gone from
the directory, so what was begun must be finished by whoever comes next: the same search asks with the same tokens and
gets the same answers, until the relationship is in the store. ::

    1. the heads of the directory, over all ways, joined with the one that was kept (DIR-15)
    2. the entry of the name, with its proof (DIR-14, DIR-19); a token `query`
    3. was the identity replaced, and nobody who held the one before said so? the person decides (DIR-3)
    4. a contact of that identity (DIR-6); a token `contact`
    5. relationship, first message, end of the search: one transaction

Where the directory only attests names, or the person was given a link anyway, the link is the contact: it was made with
the identity of the name, and is taken if it carries that of the entry (DIR-6), over whatever way it came.

Rules:

1. A search is a row with a number of its own; its tokens are those of that number (TOK-17).
2. A token goes back to nobody: it is forgotten when its request was answered for good, or when it was not taken.
3. A directory that hands out one contact twice, or the person's own, is told so to the person.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from communicator_impl.client import links
from communicator_impl.client.asker import Asker, name_path
from communicator_impl.client.courier import Silent
from communicator_impl.client.names import Names
from communicator_impl.client.purses import Payment, Purses
from communicator_impl.client.records import Stage, packed, unpacked
from communicator_impl.client.suites import check_link
from communicator_impl.content import Content, encode_content
from communicator_impl.directory import Contact, Entry, Head, Proof, checked_name
from communicator_impl.directory_reader import Finding, Succession, kept_head
from communicator_impl.errors import InputError, PeerError, ServiceError
from communicator_impl.redemption import request_digest
from communicator_impl.tokens import Purpose
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

if TYPE_CHECKING:
    from communicator_impl.client.device import Device
    from communicator_impl.document import Document
    from communicator_impl.services.directory_watch import DirectoryWatch

__all__ = ["Finder", "Found"]

_SEARCH: Final = "search/"
_DOUBT: Final = "doubt/"
_TAKEN: Final = "taken/"
_TEXT: Final = PARAMETERS.content.text_type
_NOT_TAKEN: Final = (ErrorClass.FORGED, ErrorClass.REPLAYED)


class _Search(msgspec.Struct, frozen=True, array_like=True):
    """A search that was begun: what makes its requests different from those of every other search."""

    uri: str
    name: str
    number: bytes

    @property
    def row(self) -> str:
        return f"{_SEARCH}{self.uri}/{self.name}"

    def digest(self, method: str, what: str) -> bytes:
        return hashlib.sha256(self.number + request_digest(method, name_path(self.name, what), b"")).digest()


class Found(NamedTuple):
    """Somebody who was found: the relationship, how the identity came to be, and whether one operator sees it all."""

    relationship: int
    succession: Succession
    is_seen_by_one: bool


class _Asked(NamedTuple):
    """An entry, and how it was asked for."""

    document: "Document"
    watch: "DirectoryWatch"
    search: _Search
    finding: Finding
    payment: Payment


class Finder:
    """Searches of one device."""

    def __init__(self, device: "Device", asker: Asker, purses: Purses, names: Names) -> None:
        self._device, self._vault = device, device.vault
        self._asker, self._purses, self._names = asker, purses, names

    def find(
        self,
        uri: str,
        name: str,
        called: str,
        text: str = "",
        *,
        relationship: int | None = None,
        ways: Sequence[str] = (),
        heads: Sequence[Head] = (),
        trusts: bool = False,
    ) -> Found:
        """Begin a relationship with whoever has a name (the numbered steps above); `text` is the first message.

        `PeerError` when the directory does not tell one truth, `InputError` when the person has to do something,
        `ServiceError` otherwise; the search goes on where it was, with the next call.
        """
        content = encode_content(Content(_TEXT, text.encode())) if text else b""
        asked = self._ask(uri, name, ways, heads, trusts=trusts)
        data, payment = self._take(asked)  # 4
        with self._device.step():  # 5
            number = self._begin(asked.search, data, called, content, relationship)
            self._purses.settled(asked.payment)
            self._purses.settled(payment)
        return Found(number, asked.finding.succession, self._purses.is_seen_by_one(asked.document))

    def attest(
        self,
        uri: str,
        name: str,
        called: str,
        contact: bytes,
        *,
        relationship: int | None = None,
        ways: Sequence[str] = (),
        heads: Sequence[Head] = (),
        trusts: bool = False,
    ) -> Found:
        """Take a link up if it is that of whoever has a name at a directory; raises as `find`."""
        device = self._device
        device.history.refuse_used(contact)
        with links.explained():
            check_link(contact, device.clock() // 1000, device.suites)
        asked = self._ask(uri, name, ways, heads, trusts=trusts)
        try:
            asked.watch.reader.read_contact(device.clock(), name, contact)  # 4, DIR-6
        except PeerError as error:
            self._purses.settled(asked.payment)  # rule 2
            self._vault.delete(asked.search.row)
            raise PeerError(error.error_class, f"the link is not one of {name}, as {uri} attests it") from error
        with device.step():  # 5
            number = self._begin(asked.search, contact, called, b"", relationship)
            self._purses.settled(asked.payment)
        return Found(number, asked.finding.succession, self._purses.is_seen_by_one(asked.document))

    def _ask(self, uri: str, name: str, ways: Sequence[str], heads: Sequence[Head], *, trusts: bool) -> "_Asked":
        """Return the entry of a name, checked as far as a device can (1 to 3)."""
        checked_name(name)
        self._device.setting()
        document = self._document(uri)
        watch = self._watch(uri, ways)
        seen = watch.look(self._device.clock(), heads)  # 1
        if not seen.sizes:
            raise ServiceError(ErrorClass.UNKNOWN, f"{uri} does not answer")
        search = self._search(uri, name)
        finding, payment = self._look_up(document, watch, search)  # 2
        self._check(finding.entry, uri, trusts=trusts)  # 3
        return _Asked(document, watch, search, finding, payment)

    def confirm_identity(self, uri: str, name: str) -> None:
        """The person knows why an identity was replaced without a word of the one before."""
        self._vault.delete(f"{_DOUBT}{uri}/{name}")

    def head(self, uri: str) -> Head | None:
        """Return the head of a directory's log that was kept, to compare with what others saw."""
        return kept_head(uri, self._vault)

    # ---------------------------------------------------------------- the entry

    def _look_up(self, document: "Document", watch: "DirectoryWatch", search: _Search) -> tuple[Finding, Payment]:
        payment = self._purses.pay(document, Purpose.QUERY, search.digest("GET", ""))
        try:
            data = self._paid(payment, lambda: self._asker.lookup(search.uri, search.name, payment.token))
        except ServiceError as error:
            if isinstance(error, Silent) or error.error_class is not ErrorClass.UNKNOWN:
                raise
            self._purses.settled(payment)  # TOK-18
            self._vault.delete(search.row)
            raise InputError(ErrorClass.UNKNOWN, f"nobody is called {search.name} at {search.uri}") from error
        proof = Proof.decode(data)
        gap = watch.reader.gap(proof.head)
        path = self._asker.way(search.uri).consistency(*gap) if gap else ()
        with self._vault.together():
            finding = watch.reader.read(self._device.clock(), search.name, proof, path)
            if finding.succession is Succession.UNSIGNED:
                self._vault.save(f"{_DOUBT}{search.uri}/{search.name}", b"\x01")
        return finding, payment

    def _check(self, entry: Entry, uri: str, *, trusts: bool) -> None:
        if any(known.uri == uri and known.entry == entry.encode() for known in self._names.all()):
            raise InputError(ErrorClass.REFUSED, f"{entry.name} is your own name")
        if trusts:
            self.confirm_identity(uri, entry.name)
        elif self._vault.load(f"{_DOUBT}{uri}/{entry.name}") is not None:  # DIR-3
            raise InputError(
                ErrorClass.REFUSED,
                f"{entry.name} has another identity than before, and nobody who held the one before signed it: it may "
                "be somebody else; ask over another way, and add --trust-new-identity if it is right",
            )

    # ---------------------------------------------------------------- the contact

    def _take(self, asked: _Asked) -> tuple[bytes, Payment]:
        document, watch, search = asked.document, asked.watch, asked.search
        directory = document.directory
        if directory is None or directory.mode != "brokered":
            raise InputError(
                ErrorClass.REFUSED,
                f"{search.uri} only says who has a name; ask {search.name} for a link of that name, and check it: "
                f"communicator rm accept LINK --of {search.name} --directory {search.uri}",
            )
        payment = self._purses.pay(document, Purpose.CONTACT, search.digest("POST", "/contact"))
        try:
            data = self._paid(payment, lambda: self._asker.contact(search.uri, search.name, payment.token))
        except ServiceError as error:
            if error.error_class is ErrorClass.LIMIT:  # DIR-10: nobody learns why
                raise ServiceError(
                    ErrorClass.LIMIT, f"{search.uri} has no contact of {search.name} to give now; try again tomorrow"
                ) from error
            raise
        try:
            contact = watch.reader.read_contact(self._device.clock(), search.name, data)  # DIR-6
            if self._vault.load(_TAKEN + contact.package.identifier().hex()) is not None:
                raise PeerError(ErrorClass.REPLAYED, f"{search.uri} gives one contact of {search.name} twice")
            check_link(data, self._device.clock() // 1000, self._device.suites)
        except (InputError, PeerError) as error:
            self._purses.settled(payment)  # rule 2: what it paid for is no good
            if error.error_class is ErrorClass.EXPIRED:
                raise ServiceError(
                    ErrorClass.EXPIRED, f"{search.uri} gave a contact that has ended; ask again"
                ) from error
            raise
        return data, payment

    def _begin(self, search: _Search, data: bytes, called: str, content: bytes, wanted: int | None) -> int:
        device, now_ms = self._device, self._device.clock()
        number, package = device.new_number(wanted), Contact.decode(data, now_ms // 1000).package
        step = device.core.approach(now_ms, number, device.setting(), data)
        at = f"{search.name} at {search.uri}"
        device.history.begin(number, called, Stage.ANSWERED, now_ms // 1000, taken=data, attested=at)
        device.plan(number, step)
        if content:
            message = device.core.submit(now_ms, number, content)
            device.history.wrote(number, message, now_ms // 1000, content)
        self._vault.save(_TAKEN + package.identifier().hex(), package.not_after_s.to_bytes(8))
        self._vault.delete(search.row)
        return number

    # ---------------------------------------------------------------- searches and tokens

    def _search(self, uri: str, name: str) -> _Search:
        value = self._vault.load(f"{_SEARCH}{uri}/{name}")
        if value is not None:
            return unpacked(value, _Search)
        search = _Search(uri, name, self._device.entropy.draw("search", 16))
        self._vault.save(search.row, packed(search))
        return search

    def _paid(self, payment: Payment, ask: Callable[[], bytes]) -> bytes:
        """Ask with a token, and forget one that is not taken (rule 2)."""
        try:
            return ask()
        except ServiceError as error:
            if payment.token is not None and error.error_class in _NOT_TAKEN:
                self._purses.settled(payment)
                raise ServiceError(error.error_class, "a token was not taken; the next try uses another one") from error
            raise

    def _watch(self, uri: str, ways: Sequence[str]) -> "DirectoryWatch":
        from communicator_impl.services.directory_watch import DirectoryWatch

        return DirectoryWatch(uri, self._vault, [self._asker.way(uri), *(self._asker.way(uri, way) for way in ways)])

    def _document(self, uri: str) -> "Document":
        document = self._asker.document(uri)
        if document.directory is None:
            raise InputError(ErrorClass.UNKNOWN, f"{uri} runs no directory")
        return document
