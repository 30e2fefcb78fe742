"""What tests of directories share: people with identities, a directory, contacts, and a directory with two faces."""

import pytest
from tests.impl.issuing import ISSUER, NOW, ORIGIN, issuer_key, token

from communicator_impl.address_set import ServiceEntry, WireGrant, WireSet
from communicator_impl.addresses import KeySchedule, Profile, TwoLayerRoot
from communicator_impl.directory import Contact, Entry, make_entry
from communicator_impl.directory_service import DirectoryRules, DirectoryService, Mode
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import InputError, PeerError
from communicator_impl.keys import Identity, make_package
from communicator_impl.redemption import Redemption
from communicator_impl.storage import MemoryStorage
from communicator_impl.tokens import Purpose
from communicator_spec.errors import ErrorClass

URI = f"https://{ORIGIN}"
SEED = b"\x07" * 32
DAY = 86_400_000
NOW_S = NOW // 1000


def identity(name: str) -> Identity:
    return Identity.generate(SeededEntropy(name.encode()))


def access_key(name: str) -> bytes:
    return name.encode().ljust(32, b"-")


def entry(name: str, sequence: int = 0, key: str = "", before: str = "") -> Entry:
    return make_entry(name, sequence, identity(key or name), NOW_S, identity(before) if before else None)


def contact(owner: str, number: int, lifetime_days: int = 7, now_s: int = NOW_S) -> Contact:
    entropy = SeededEntropy(f"{owner} {number}".encode())
    package = make_package(identity(owner), now_s, lifetime_days * 86_400, entropy).package
    until_s = NOW_S + 30 * 86_400
    config = KeySchedule.generate("https://rs.example", tuple(Profile), NOW_S, entropy).config()
    stock = TwoLayerRoot.generate(entropy).issue(config, range(1), until_s, NOW_S, entropy)
    grant = WireGrant(1, True, until_s, 1, stock)
    services = (ServiceEntry(config.uri, Profile.TWO_LAYER, config.outer, (grant,)),)
    return Contact(package, WireSet(1, services))


def redemption(storage: MemoryStorage, paid: bool = False) -> Redemption:
    made = Redemption(ORIGIN, dict.fromkeys((Purpose.QUERY, Purpose.CONTACT), (ISSUER,) if paid else ()), storage)
    if paid:
        made.learn(ISSUER, (issuer_key(Purpose.QUERY), issuer_key(Purpose.CONTACT, name="contact")))
    return made


def directory(
    storage: MemoryStorage | None = None,
    mode: Mode = Mode.BROKERED,
    per_day: int = 16,
    paid: bool = False,
    now_ms: int = NOW,
    seed: bytes = SEED,
) -> DirectoryService:
    storage = storage or MemoryStorage()
    return DirectoryService(now_ms, URI, seed, DirectoryRules(mode, per_day), redemption(storage, paid), storage)


def register(service: DirectoryService, made: Entry, now_ms: int = NOW) -> bytes:
    service.open_account(made.name, access_key(made.name))
    return service.register(now_ms, access_key(made.name), made.name, made.encode())


def peopled(service: DirectoryService, *names: str) -> DirectoryService:
    for name in names:
        register(service, entry(name))
    return service


def query(number: int) -> bytes:
    return token(f"query {number}").encode()


def ask(number: int) -> bytes:
    return token(f"contact {number}", "contact").encode()


def refusal(call: object, *args: object) -> ErrorClass:
    assert callable(call)
    with pytest.raises((PeerError, InputError)) as caught:
        call(*args)
    return caught.value.error_class
