"""A directory service: it says which identity a name has, proves that it says so to everybody, and vends contacts.

Theory. Whoever asks a directory trusts it with one thing, the first key of a stranger. So every answer stands in one
append-only log that anybody can read, under a head that the directory signed: a false answer is possible, and is there
for the owner of the name to see. An attesting directory does no more. A brokered one also holds contacts that owners
left there, each for one stranger, and so decides how many strangers may come in a day. ::

    register ──▶ entry in the log ──▶ head signed ──▶ proof to whoever asks
    deposit  ──▶ contact in stock ──▶ handed out once, to the token that paid ──▶ forgotten when both have ended

Rules:

1. The log is the state: an entry is one write, and all else about names follows from it. What was written when the
   power went is under the next head; nobody saw it before (DIR-13).
2. A contact is handed out by one write that also says to which token, so that the same request gets the same contact
   again, and nobody else does (DIR-5). No other trace of who asked is kept.
3. Why there is no contact, nobody learns: empty stock, the day's number, an unknown name and a directory without
   contacts all answer `LIMIT` (DIR-10).
4. Tokens are checked first and marked last, before the write that they pay for; what is refused costs none, but for a
   query that finds nothing (TOK-18).
5. One core writes a log: two on one storage would make two logs of it. If the storage raises, throw the core away and
   build it anew: it is ahead of its disk.

Cost: registering and proving take O(log² n) hashes for n entries; contacts and the tree are in memory.
"""

import hashlib
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final, TypeVar

import msgspec

from communicator_impl import wire
from communicator_impl.contact_stock import StoredContact, day_of, read_deposited
from communicator_impl.directory import Entry, Head, Proof, checked_name, name_hash, write_path
from communicator_impl.errors import InputError, OwnError, PeerError
from communicator_impl.log_tree import LogTree
from communicator_impl.redemption import Redeemed, Redemption, request_digest
from communicator_impl.storage import Storage
from communicator_impl.tokens import Purpose
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["DirectoryRules", "DirectoryService", "Mode"]

Made = TypeVar("Made")

_D: Final = PARAMETERS.directory
_LOG, _HEAD = "directory/log/", "directory/head"
_ACCOUNT, _CONTACT = "directory/account/", "directory/contact/"


class Mode(StrEnum):
    """What a directory does beside attesting names."""

    ATTESTING = "attesting"
    BROKERED = "brokered"


class DirectoryRules(msgspec.Struct, frozen=True):
    """What the operator publishes: the mode, and how many contacts of one name go out in a day (DIR-9)."""

    mode: Mode
    contacts_per_day: int = 16


class DirectoryService:
    """One operator's directory; `uri` is its name on the wire, `seed` the secret of the key that signs heads."""

    def __init__(
        self, now_ms: int, uri: str, seed: bytes, rules: DirectoryRules, redemption: Redemption, storage: Storage
    ) -> None:
        self._uri = uri
        self._seed = seed
        self._rules = rules
        self._redemption = redemption
        self._storage = storage
        self._entries: list[Entry] = []
        self._tree = LogTree()
        self._latest: dict[str, int] = {}
        self._accounts: dict[str, str] = {}
        self._contacts: dict[str, dict[int, StoredContact]] = {}
        self._head = Head.sign(seed, uri, 0, self._tree.root(), _s(now_ms))
        self._restore(now_ms)

    # ---------------------------------------------------------------- keys and time

    def wake(self, now_ms: int) -> None:
        """Sign a new head when the last one is half a day old (DIR-16), and forget what has ended."""
        if _s(now_ms) >= self._head.date_s + _D.head_max_age_s // 2:
            self._sign(now_ms)
        self._redemption.erase(now_ms)
        for name, stock in self._contacts.items():
            entry = self._entries[self._latest[name]]
            for number in [n for n, stored in stock.items() if stored.over(_s(now_ms), entry)]:
                self._storage.delete(_place(name, number))
                del stock[number]

    def next_wake_ms(self) -> int:
        """Return when the next head is due."""
        return 1000 * (self._head.date_s + _D.head_max_age_s // 2)

    # ---------------------------------------------------------------- what owners do

    def open_account(self, name: str, access_key: bytes) -> None:
        """Give a name to whoever holds an access key; how he showed that it is his is the operator's business.

        The key replaces an earlier one of the name. A key that another name has is refused.
        """
        if len(access_key) != PARAMETERS.service.access_key_bytes:
            raise InputError(ErrorClass.MALFORMED, "access key")
        digest = _digest(access_key)
        if self._accounts.get(digest, name) != checked_name(name):
            raise InputError(ErrorClass.REFUSED, "access key of another name")
        self._storage.save(_ACCOUNT + digest, name.encode())
        for old in [d for d, n in self._accounts.items() if n == name and d != digest]:
            self._storage.delete(_ACCOUNT + old)
            del self._accounts[old]
        self._accounts[digest] = name

    def register(self, now_ms: int, access_key: bytes, name: str, data: bytes) -> bytes:
        """Put an entry into the log and return its proof; the same entry again gets its proof again.

        1. the account  2. the entry by itself (DIR-1)  3. its place after the one before (DIR-2, DIR-1)
        4. into the log  5. a head (DIR-13)
        """
        self._check_owner(access_key, name)  # 1
        entry = Entry.decode(data)  # 2
        if entry.name != name:
            raise PeerError(ErrorClass.REFUSED, "entry of another name")  # DIR-2
        last = self._entry(name)
        if last is not None and last.encode() == data:  # SVC-7
            return self._proof(name)
        if entry.sequence != (0 if last is None else last.sequence + 1):  # 3
            raise PeerError(ErrorClass.REFUSED, "sequence is not the next one")  # DIR-2
        if last is not None:
            entry.check_after(last)  # DIR-1
        self._storage.save(f"{_LOG}{len(self._entries):015d}", data)  # 4
        self._append(entry)
        self._sign(now_ms)  # 5
        return self._proof(name)

    def stock(self, now_ms: int, access_key: bytes, name: str) -> int:
        """Return how many contacts of a name may still be handed out (DIR-7)."""
        self._check_owner(access_key, name)
        return len(list(self._usable(_s(now_ms), name)))

    def deposit(self, now_ms: int, access_key: bytes, name: str, body: bytes) -> int:
        """Take contacts, all or none, and return how many there are; one that is here already is not added."""
        self._check_owner(access_key, name)
        entry = self._entry(name)
        if self._rules.mode is not Mode.BROKERED or entry is None:
            raise PeerError(ErrorClass.REFUSED, "no contacts for this name here")
        items = wire.sequence(body, _D.contacts_upload_max, _D.contact_bytes_max)  # DIR-8
        known = {stored.contact for stored in self._contacts.get(name, {}).values()}
        fresh = [read_deposited(item, _s(now_ms), entry) for item in dict.fromkeys(items) if item not in known]
        if len(list(self._usable(_s(now_ms), name))) + len(fresh) > _D.contacts_stored_max:
            raise PeerError(ErrorClass.LIMIT, "contacts of one name")  # DIR-8
        stock = self._contacts.setdefault(name, {})
        for number, stored in enumerate(fresh, start=max(stock, default=-1) + 1):
            self._put(name, number, stored)
        return self.stock(now_ms, access_key, name)

    # ---------------------------------------------------------------- what strangers do

    def lookup(self, now_ms: int, name: str, token: bytes | None) -> bytes:
        """Return the proof of the newest entry of a name, for a token `query`; `UNKNOWN` costs the token too."""
        checked_name(name)
        paid = self._paid(now_ms, Purpose.QUERY, token, request_digest("GET", f"/v1/names/{name}", b""))
        if paid is not None:
            self._redemption.keep(paid)  # TOK-18: also when nothing is found
        if name not in self._latest:
            raise PeerError(ErrorClass.UNKNOWN, "no such name")
        return self._proof(name)

    def contact(self, now_ms: int, name: str, token: bytes | None) -> bytes:
        """Hand out one contact of a name, for a token `contact`; the same token gets the same one again."""
        checked_name(name)
        paid = self._paid(now_ms, Purpose.CONTACT, token, request_digest("POST", f"/v1/names/{name}/contact", b""))
        if paid is not None:
            for stored in self._contacts.get(name, {}).values():
                if stored.mark == paid.place:  # SVC-7
                    return stored.contact
        number, stored = self._next(_s(now_ms), name)
        mark = paid.place if paid else ""
        if paid is not None:
            self._redemption.keep(paid)  # TOK-14
        self._put(name, number, msgspec.structs.replace(stored, given_day=day_of(_s(now_ms)), mark=mark))  # DIR-5
        return stored.contact

    def head(self) -> bytes:
        """Return the newest head."""
        return self._head.encode()

    def leaves(self, first: int, to: int) -> tuple[bytes, ...]:
        """Return leaves from `first` up to, not including, `to`: at most 1,024, and none beyond the head."""
        if not 0 <= first <= to:
            raise PeerError(ErrorClass.MALFORMED, "range of leaves")
        return tuple(e.leaf().encode() for e in self._entries[first : min(to, first + _D.leaves_max)])

    def consistency(self, first: int, second: int) -> bytes:
        """Prove that the tree of `first` leaves begins that of `second`: `MALFORMED`, `UNKNOWN` beyond the head."""
        if not 0 < first <= second:
            raise PeerError(ErrorClass.MALFORMED, "sizes of trees")
        if second > self._head.size:
            raise PeerError(ErrorClass.UNKNOWN, "tree that is not there yet")
        return write_path(self._tree.consistency_path(first, second))

    # ---------------------------------------------------------------- checks

    def _check_owner(self, access_key: bytes, name: str) -> None:
        owner = self._accounts.get(_digest(access_key))
        if owner is None:
            raise PeerError(ErrorClass.FORGED, "access key")  # SVC-12, SVC-20
        if owner != name:
            raise PeerError(ErrorClass.REFUSED, "account of another name")  # DIR-2

    def _paid(self, now_ms: int, purpose: Purpose, token: bytes | None, digest: bytes) -> Redeemed | None:
        if not self._redemption.needed(purpose):
            return None
        if token is None:
            raise PeerError(ErrorClass.FORGED, "no token")  # TOK-6
        return self._redemption.check(now_ms, purpose, token, digest)

    def _next(self, now_s: int, name: str) -> tuple[int, StoredContact]:
        """Return the contact to hand out, the oldest first; `LIMIT` for whatever reason (DIR-10)."""
        given = sum(s.given_day == day_of(now_s) for s in self._contacts.get(name, {}).values())
        found = next(self._usable(now_s, name), None)
        if found is None or given >= self._rules.contacts_per_day:  # DIR-9
            raise PeerError(ErrorClass.LIMIT, "no contact")
        return found

    def _usable(self, now_s: int, name: str) -> Iterator[tuple[int, StoredContact]]:
        entry = self._entry(name)
        stock = sorted(self._contacts.get(name, {}).items())
        return ((n, s) for n, s in stock if entry is not None and s.usable(now_s, entry))

    # ---------------------------------------------------------------- state

    def _entry(self, name: str) -> Entry | None:
        index = self._latest.get(name)
        return None if index is None else self._entries[index]

    def _proof(self, name: str) -> bytes:
        index = self._latest[name]
        return Proof(self._entries[index], index, self._tree.inclusion_path(index), self._head).encode()

    def _append(self, entry: Entry) -> None:
        self._latest[entry.name] = len(self._entries)
        self._entries.append(entry)
        self._tree.append(entry.leaf().hash())

    def _sign(self, now_ms: int) -> None:
        date_s = max(_s(now_ms), self._head.date_s)
        head = Head.sign(self._seed, self._uri, len(self._tree), self._tree.root(), date_s)
        self._storage.save(_HEAD, head.encode())
        self._head = head

    def _put(self, name: str, number: int, stored: StoredContact) -> None:
        self._storage.save(_place(name, number), stored.to_bytes())
        self._contacts.setdefault(name, {})[number] = stored

    def _restore(self, now_ms: int) -> None:
        for key, data in self._loaded(_LOG):
            entry = _own(Entry.decode, data, key)
            self._append(entry)
        for key, data in self._loaded(_ACCOUNT):
            self._accounts[key.removeprefix(_ACCOUNT)] = data.decode()
        names = {name_hash(name).hex(): name for name in self._latest}
        for key, data in self._loaded(_CONTACT):
            owner, number = key.removeprefix(_CONTACT).split("/")
            self._contacts.setdefault(names[owner], {})[int(number)] = StoredContact.from_bytes(data)
        head = self._storage.load(_HEAD)
        if head is not None:
            self._head = _own(Head.decode, head, _HEAD)
        if head is None or self._head.size != len(self._tree):  # DIR-13
            self._sign(now_ms)

    def _loaded(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        for key in list(self._storage.keys(prefix)):
            data = self._storage.load(key)
            if data is not None:
                yield key, data


def _own(decode: Callable[[bytes], Made], data: bytes, key: str) -> Made:
    try:
        return decode(data)
    except PeerError as error:
        raise OwnError(ErrorClass.MALFORMED, f"stored {key}") from error


def _digest(access_key: bytes) -> str:
    return hashlib.sha256(access_key).hexdigest()


def _place(name: str, number: int) -> str:
    return f"{_CONTACT}{name_hash(name).hex()}/{number:015d}"


def _s(now_ms: int) -> int:
    return now_ms // 1000
