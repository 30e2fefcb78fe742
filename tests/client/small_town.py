"""A directory and an issuer in the small world: real cores, a clock that the test moves, and a directory that may lie.

Theory. A request that changes something is a point at which a device may die, as in `small_post`: just before it, and
just after it was carried out and before the answer is stored. Refusals travel as over HTTP: by their class.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.client.small_post import Deaths, World
from tests.impl.issuing import RepeatsKeys

from communicator_impl.authorization_service import AuthorizationService
from communicator_impl.client.asker import Asker
from communicator_impl.client.courier import Silent
from communicator_impl.directory import Head, read_path
from communicator_impl.directory_service import DirectoryRules, DirectoryService, Mode
from communicator_impl.document import Authorization, Directory, Document
from communicator_impl.errors import PeerError, ServiceError
from communicator_impl.issuer_keys import read_issuer_document
from communicator_impl.redemption import Redemption
from communicator_impl.services.directory_client import DirectoryClient
from communicator_impl.storage import MemoryStorage
from communicator_impl.tokens import Purpose, Token
from communicator_spec import ErrorClass

NAMES: Final = "https://names.example"
ISSUER: Final = "https://tokens.example"
ACCOUNT: Final = b"account".ljust(32, b"-")
SEED: Final = b"\x07" * 32
DAY_MS: Final = 86_400_000
T = TypeVar("T")
SIGNED: Final[dict[bytes, tuple[bytes, ...]]] = {}


def key_of(name: str) -> bytes:
    return name.encode().ljust(32, b"-")


class Town:
    """The operators of names and tokens in one world."""

    def __init__(self, world: World, *, per_day: int = 16, allowed: int = 1024, mode: Mode = Mode.BROKERED) -> None:
        self.world, self.mode, self.per_day = world, mode, per_day
        self.operator = "Names"
        self.down: set[str] = set()
        allowances = dict.fromkeys(Purpose, allowed)
        entropy = world.entropy.fork("issuer")
        self.issuer = AuthorizationService(world.now_ms, allowances, MemoryStorage(), entropy, RepeatsKeys())
        self.issuer.open_account(ACCOUNT)
        self.directory = self.opened(MemoryStorage())
        self.shown: list[bytes] = []  # tokens, as the directory sees them

    def opened(self, storage: MemoryStorage) -> DirectoryService:
        """Start a directory on a storage: the same one again, or another one with the same key."""
        hosts = dict.fromkeys((Purpose.QUERY, Purpose.CONTACT), (ISSUER[8:],))
        redemption = Redemption(NAMES[8:], hosts, storage)
        redemption.learn(ISSUER[8:], read_issuer_document(self.issuer.document(self.world.now_ms)))
        self.redemption = redemption
        rules = DirectoryRules(self.mode, self.per_day)
        return DirectoryService(self.world.now_ms, NAMES, SEED, rules, redemption, storage)

    def fork(self) -> DirectoryService:
        """Return a second directory with the same key, whose log goes on by itself."""
        storage, before = MemoryStorage(), self.directory._storage
        assert isinstance(before, MemoryStorage)
        storage.values = dict(before.values)
        return self.opened(storage)

    def register(self, name: str) -> bytes:
        self.directory.open_account(name, key_of(name))
        return key_of(name)

    def wake(self) -> None:
        self.issuer.wake(self.world.now_ms)
        self.redemption.learn(ISSUER[8:], read_issuer_document(self.issuer.document(self.world.now_ms)))
        self.directory.wake(self.world.now_ms)


class TownWay(DirectoryClient):
    """A way to a directory of the world."""

    def __init__(self, town: Town, directory: Callable[[], DirectoryService], base: str = "") -> None:
        super().__init__(NAMES, base)
        self._town, self._directory = town, directory

    def document(self) -> Directory:
        found = document_of(self._town, NAMES).directory
        assert found is not None
        return found

    def head(self) -> Head:
        if NAMES in self._town.down:
            raise ServiceError(ErrorClass.UNKNOWN, "no answer")
        return Head.decode(self._directory().head())

    def leaves(self, first: int, to: int) -> tuple[bytes, ...]:
        return self._directory().leaves(first, to)

    def consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        with answering():
            return read_path(self._directory().consistency(first, second))


class TownAsker(Asker):
    """Asks the operators of a town; each request that changes something is a point."""

    def __init__(self, town: Town, deaths: Deaths | None = None) -> None:
        self.town, self._deaths = town, deaths or Deaths()
        self.directory: Callable[[], DirectoryService] = lambda: town.directory
        self.others: dict[str, DirectoryService] = {}

    def _asked(self, uri: str) -> None:
        if uri in self.town.down:
            raise Silent(ErrorClass.UNKNOWN, f"{uri} does not answer")

    def _changing(self, kind: str, uri: str, what: Callable[[], T]) -> T:
        self._asked(uri)
        with answering(), self._deaths.point(kind):
            return what()

    def document(self, uri: str) -> Document:
        self._asked(uri)
        return document_of(self.town, uri)

    def way(self, uri: str, base: str = "") -> DirectoryClient:
        return TownWay(self.town, (lambda: self.others[base]) if base in self.others else self.directory, base)

    def register(self, uri: str, name: str, access_key: bytes, entry: bytes) -> bytes:
        return self._changing(
            "entry", uri, lambda: self.directory().register(self.town.world.now_ms, access_key, name, entry)
        )

    def stock(self, uri: str, name: str, access_key: bytes) -> int:
        self._asked(uri)
        with answering():
            return self.directory().stock(self.town.world.now_ms, access_key, name)

    def deposit(self, uri: str, name: str, access_key: bytes, contacts: Sequence[bytes]) -> int:
        body = b"".join(contacts)
        return self._changing(
            "deposit", uri, lambda: self.directory().deposit(self.town.world.now_ms, access_key, name, body)
        )

    def lookup(self, uri: str, name: str, token: Token | None) -> bytes:
        shown = self._shown(token)
        return self._changing("query", uri, lambda: self.directory().lookup(self.town.world.now_ms, name, shown))

    def contact(self, uri: str, name: str, token: Token | None) -> bytes:
        shown = self._shown(token)
        return self._changing("take", uri, lambda: self.directory().contact(self.town.world.now_ms, name, shown))

    def _shown(self, token: Token | None) -> bytes | None:
        if token is None:
            return None
        self.town.shown.append(token.encode())
        return token.encode()

    def demanded(self, uri: str, purpose: Purpose) -> tuple[str, ...]:
        self._asked(uri)
        return self.town.redemption.demand(self.town.world.now_ms, purpose)

    def issuer_keys(self, base: str) -> bytes:
        self._asked(base)
        return self.town.issuer.document(self.town.world.now_ms)

    def tokens(self, uri: str, access_key: bytes, requests: bytes) -> bytes:
        return self._changing("tokens", uri, lambda: self._signed(access_key, requests))

    def _signed(self, access_key: bytes, requests: bytes) -> bytes:
        """Let the issuer sign; what it signed in an earlier run of one world is signed again without the work."""
        service, digest = self.town.issuer, hashlib.sha256(requests).digest()
        with pytest.MonkeyPatch.context() as patch:
            rows = iter(SIGNED.get(digest, ()))
            if digest in SIGNED:
                patch.setattr(service, "_sign", lambda *_: next(rows))
            answer = service.issue(self.town.world.now_ms, access_key, requests)
        SIGNED[digest] = tuple(answer[i : i + 256] for i in range(0, len(answer), 256))
        return answer

    def allowance(self, uri: str, access_key: bytes) -> dict[str, int]:
        self._asked(uri)
        with answering():
            return {p.value: n for p, n in self.town.issuer.allowance(self.town.world.now_ms, access_key).items()}


@contextmanager
def answering() -> Iterator[None]:
    """Turn a refusal of a core into what a client makes of its status."""
    try:
        yield
    except PeerError as error:
        raise ServiceError(error.error_class, error.detail) from error


def document_of(town: Town, uri: str) -> Document:
    if uri == ISSUER:
        return Document(1, "Tokens", authorization=Authorization(ISSUER, ISSUER[8:], 604_800, 604_800))
    public = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
    tokens = tuple((purpose.value, (ISSUER,)) for purpose in (Purpose.QUERY, Purpose.CONTACT))
    return Document(1, town.operator, directory=Directory(NAMES, town.mode.value, "people", public, tokens))
