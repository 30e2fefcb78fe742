"""Which services a device knows, what they publish, and whether they answered lately.

Theory. The cores name a service by a number that never changes; here a number is an origin, in the order in which the
device first heard of it. Own and foreign services stand in one list. An own one is asked for its document once an hour;
that of a foreign one comes inside its owner's address set, and is fetched by nobody.

Rules:

1. A number is durable before anything that mentions it.
2. A service that did not answer is left alone for half a minute; then one attempt tells.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

import msgspec

from communicator_impl.addresses import ServiceConfig
from communicator_impl.client.courier import Courier, Silent
from communicator_impl.client.vault import Vault
from communicator_impl.document import Document, is_fresh
from communicator_impl.errors import CommunicatorError
from communicator_impl.particle_fields import Setting

__all__ = ["Book"]

T = TypeVar("T")

_BOOK: Final = "book"
_SETTING: Final = "setting"
_DOCUMENT: Final = "document"
_LEFT_ALONE_MS: Final = 30_000
_TRUSTED_MS: Final = 20_000


class _Published(msgspec.Struct, frozen=True, array_like=True):
    fetched_s: int
    data: bytes


class Book:
    """The book of one device; also what it can reach, as the cores ask (`turn.Reach`)."""

    def __init__(self, vault: Vault, courier: Courier) -> None:
        self._vault = vault
        self._courier = courier
        self._uris: list[str] = msgspec.msgpack.decode(vault.load(_BOOK) or b"\x90", type=list[str])
        self._documents: dict[int, tuple[int, Document]] = {}
        self._silent_ms: dict[int, int] = {}
        self._heard_ms: dict[int, int] = {}
        for number, uri in enumerate(self._uris):
            value = vault.load(f"{_DOCUMENT}/{number}")
            if value is not None:
                found = msgspec.msgpack.decode(value, type=_Published)
                self._documents[number] = (found.fetched_s, Document.decode(found.data, uri))

    # ---------------------------------------------------------------- as the cores ask

    def number(self, uri: str) -> int:
        """Return the number of an origin, a new one for one never seen."""
        if uri not in self._uris:
            self._vault.save(_BOOK, msgspec.msgpack.encode([*self._uris, uri]))
            self._uris.append(uri)
        return self._uris.index(uri)

    def uri(self, number: int) -> str:
        """Return an origin."""
        return self._uris[number]

    def config(self, number: int) -> ServiceConfig | None:
        """Return the newest configuration that was fetched of a receiving service."""
        document = self.document(number)
        return None if document is None or document.receiving is None else document.receiving.config

    @property
    def receiving(self) -> Sequence[bool]:
        """Whether each receiving service answers, as far as is known."""
        return [number not in self._silent_ms for number in range(len(self._uris))]

    sending = receiving

    # ---------------------------------------------------------------- services of the device's owner

    @property
    def setting(self) -> Setting:
        """The services that new relationships use, in order of preference."""
        value = self._vault.load(_SETTING)
        rows = [[], []] if value is None else msgspec.msgpack.decode(value, type=list[list[int]])
        return Setting(tuple(rows[0]), tuple(rows[1]))

    def choose(self, setting: Setting) -> None:
        """Use these services for new relationships."""
        self._vault.save(_SETTING, msgspec.msgpack.encode([list(setting.receiving), list(setting.sending)]))

    def document(self, number: int) -> Document | None:
        """Return what was fetched last of an origin."""
        found = self._documents.get(number)
        return None if found is None else found[1]

    def learn(self, number: int, now_ms: int) -> Document:
        """Fetch the document of an origin, whatever is known; raises `ServiceError`."""
        data, now_s = self._heard(number, now_ms, self._courier.document), now_ms // 1000
        self._vault.save(f"{_DOCUMENT}/{number}", msgspec.msgpack.encode(_Published(now_s, data)))
        self._documents[number] = (now_s, Document.decode(data, self._uris[number]))
        return self._documents[number][1]

    def refresh(self, numbers: Sequence[int], now_ms: int) -> None:
        """Fetch again what is older than an hour; who does not answer is used as known."""
        for number in numbers:
            known = self._documents.get(number)
            if known is None or not is_fresh(known[0], now_ms // 1000):
                self._try(number, now_ms)

    def _try(self, number: int, now_ms: int) -> None:
        if self.may_ask(number, now_ms):
            try:
                self.learn(number, now_ms)
            except CommunicatorError:
                self.silent(number, now_ms)

    # ---------------------------------------------------------------- who answers

    def may_ask(self, number: int, now_ms: int) -> bool:
        """Tell whether a service is to be asked now, or left alone for a while."""
        return number not in self._silent_ms or abs(now_ms - self._silent_ms[number]) >= _LEFT_ALONE_MS

    def silent_now(self) -> list[str]:
        """Return the origins that did not answer lately."""
        return [self._uris[number] for number in sorted(self._silent_ms)]

    def silent(self, number: int, now_ms: int) -> None:
        """Note that a service did not answer."""
        self._silent_ms[number] = now_ms
        self._heard_ms.pop(number, None)

    def doubt(self, number: int, now_ms: int) -> None:
        """Note that a service did not do as its document says: it is left alone for a while, then read again."""
        self.silent(number, now_ms)
        if number in self._documents:
            self._documents[number] = (0, self._documents[number][1])

    def heard(self, number: int, now_ms: int) -> None:
        """Note that a service answered."""
        self._silent_ms.pop(number, None)
        self._heard_ms[number] = now_ms

    def probe(self, numbers: Sequence[int], now_ms: int) -> None:
        """Find out whether sending services take something now, unless that is known."""
        for number in numbers:
            if self.may_ask(number, now_ms) and abs(now_ms - self._heard_ms.get(number, 0)) >= _TRUSTED_MS:
                try:
                    takes = self._heard(number, now_ms, self._courier.takes_submissions)
                except CommunicatorError:
                    takes = False
                if not takes:
                    self.silent(number, now_ms)

    def hear(self, number: int, now_ms: int) -> None:
        """Ask a sending service for whatever it says, its time above all; one that is left alone is not asked."""
        if self.may_ask(number, now_ms):
            with suppress(CommunicatorError):
                self._heard(number, now_ms, self._courier.takes_submissions)

    def _heard(self, number: int, now_ms: int, ask: Callable[[str], T]) -> T:
        try:
            found = ask(self._uris[number])
        except Silent:
            self.silent(number, now_ms)
            raise
        self.heard(number, now_ms)
        return found
