"""What a directory does to its tables: accounts, entries, contacts; the rules of `directory_service`, on a database.

Theory. An owner shows the access key of a name; a stranger shows a token. What an owner registers goes into the log
(`directory_log`); what he deposits is stock, each contact for one stranger. Handing one out is one change of one row
that also says to which token, in the transaction that marks the token as spent: so no crash and no second instance
hands it out twice, and whoever got no answer gets the same one again.

Rules:

1. Every method takes a connection with a transaction, and raises before it writes.
2. Without its access key, an answer does not depend on which accounts there are (SVC-20). Keys are compared in constant
   time.
3. Why there is no contact, nobody learns (DIR-10).
4. Nothing is kept of who asked but the mark of the token, and that until token and contact have ended.
"""

import hashlib
import hmac
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, insert, select, update

from communicator_impl import wire
from communicator_impl.contact_stock import StoredContact, day_of, read_deposited
from communicator_impl.directory import Entry, checked_name
from communicator_impl.directory_service import DirectoryRules, Mode
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, PeerError
from communicator_impl.redemption import Redeemed
from communicator_impl.services.database import put
from communicator_impl.services.directory_log import DirectoryLog, locked
from communicator_impl.services.directory_schema import contacts, names
from communicator_impl.services.events import write
from communicator_spec import ErrorClass, Kind
from communicator_spec.events import named
from communicator_spec.parameters import PARAMETERS
from communicator_spec.places import PlaceEvent

__all__ = ["DirectoryStore", "open_account"]

_D: Final = PARAMETERS.directory


def open_account(connection: Connection, name: str, access_key: bytes) -> None:
    """Give a name to whoever holds an access key, in the place of an earlier key: `MALFORMED`, `REFUSED`.

    How he showed that the name is his is the operator's business.
    """
    if len(access_key) != PARAMETERS.service.access_key_bytes:
        raise InputError(ErrorClass.MALFORMED, "access key")
    row = {"name": checked_name(name).encode(), "owner": _digest(access_key)}
    holder = connection.execute(select(names.c.name).where(names.c.owner == row["owner"])).scalar()
    if holder not in (None, row["name"]):
        raise InputError(ErrorClass.REFUSED, "access key of another name")
    put(connection, names, [row])


class DirectoryStore:
    """The tables of one directory; `rules` are those that its operator publishes."""

    def __init__(self, log: DirectoryLog, rules: DirectoryRules, entropy: Entropy) -> None:
        self._log = log
        self._rules = rules
        self._entropy = entropy

    # ---------------------------------------------------------------- what owners do

    def register(self, connection: Connection, now_ms: int, access_key: bytes, name: str, data: bytes) -> bytes:
        """Put an entry into the log and return its proof; the same entry again gets its proof again.

        1. the account  2. the entry by itself (DIR-1)  3. its place after the one before (DIR-2, DIR-1)
        4. into the log, under a head (DIR-13)
        """
        self._check_owner(connection, access_key, name, lock=True)  # 1; who hands out a contact waits, or is waited for
        entry = Entry.decode(data)  # 2, DIR-20
        if entry.name != name:
            raise PeerError(ErrorClass.REFUSED, "entry of another name")  # DIR-2
        writer = locked(connection, self._entropy)
        found = self._log.entry(connection, name)
        last = None if found is None else found[1]
        if last is None or last.encode() != data:  # SVC-7
            if entry.sequence != (0 if last is None else last.sequence + 1):  # 3
                raise PeerError(ErrorClass.REFUSED, "sequence is not the next one")  # DIR-2
            if last is not None:
                entry.check_after(last)  # DIR-1
            place = self._log.append(connection, writer, entry, now_ms // 1000)  # 4
            event = PlaceEvent(now_ms, Kind.ENTERED, message=named(data), position=place)
            write(connection, [event])
            self._forget_stale(connection, entry)
        return self._proof(connection, name)

    def stock(self, connection: Connection, now_ms: int, access_key: bytes, name: str) -> int:
        """Return how many contacts of a name may still be handed out (DIR-7)."""
        self._check_owner(connection, access_key, name)
        return self._left(connection, now_ms // 1000, name)

    def deposit(self, connection: Connection, now_ms: int, access_key: bytes, name: str, body: bytes) -> int:
        """Take contacts, all or none, and return how many there are; one that is here already is not added."""
        self._check_owner(connection, access_key, name, lock=True)
        found = self._log.entry(connection, name)
        if self._rules.mode is not Mode.BROKERED or found is None:
            raise PeerError(ErrorClass.REFUSED, "no contacts for this name here")
        now_s, entry = now_ms // 1000, found[1]
        items = wire.sequence(body, _D.contacts_upload_max, _D.contact_bytes_max)  # DIR-8, DIR-20
        wanted = {hashlib.sha256(item).digest(): item for item in items}
        known = set(connection.execute(_of(name).with_only_columns(contacts.c.digest)).scalars())
        fresh = {d: read_deposited(item, now_s, entry) for d, item in wanted.items() if d not in known}
        if self._left(connection, now_s, name) + len(fresh) > _D.contacts_stored_max:
            raise PeerError(ErrorClass.LIMIT, "contacts of one name")  # DIR-8
        last = connection.execute(_of(name).with_only_columns(func.max(contacts.c.number))).scalar()
        rows = (_row(name, n, d, one) for n, (d, one) in enumerate(fresh.items(), (last or 0) + 1))
        if fresh:
            connection.execute(insert(contacts), list(rows))
            given = (PlaceEvent(now_ms, Kind.DEPOSITED, message=named(one.contact)) for one in fresh.values())
            write(connection, list(given))
        return self._left(connection, now_s, name)

    # ---------------------------------------------------------------- what strangers do

    def lookup(self, connection: Connection, name: str) -> bytes | None:
        """Return the proof of the newest entry of a name; None if there is none, which is an answer (TOK-18)."""
        return self._log.proof(connection, name)

    def contact(self, connection: Connection, now_ms: int, name: str, paid: Redeemed | None) -> bytes:
        """Hand out one contact of a name; the same token gets the same one again: `LIMIT` (DIR-10)."""
        if paid is not None:
            given = connection.execute(_of(name).where(contacts.c.mark == paid.place)).first()
            if given is not None:  # SVC-7
                return _stored(given).contact
        now_s = now_ms // 1000
        connection.execute(select(names.c.name).where(names.c.name == name.encode()).with_for_update())
        found = self._log.entry(connection, name)
        row = None if found is None else self._next(connection, now_s, name, found[1])
        if row is None:
            raise PeerError(ErrorClass.LIMIT, "no contact")  # DIR-10
        marked = {"given_day": day_of(now_s), "mark": paid.place if paid else None}
        connection.execute(update(contacts).where(_this(row)).values(marked))  # DIR-5
        contact = _stored(row).contact
        write(connection, [PlaceEvent(now_ms, Kind.HANDED, message=named(contact))])
        return contact

    # ---------------------------------------------------------------- time

    def erase(self, connection: Connection, now_ms: int) -> None:
        """Forget contacts that have ended and that nobody can ask for again."""
        now_s = now_ms // 1000
        for row in connection.execute(select(contacts).where(contacts.c.ends_s <= now_s)).all():
            found = self._log.entry(connection, row.name.decode())
            if found is not None and _stored(row).over(now_s, found[1]):
                connection.execute(delete(contacts).where(_this(row)))

    # ---------------------------------------------------------------- checks

    def _check_owner(self, connection: Connection, access_key: bytes, name: str, *, lock: bool = False) -> None:
        digest = _digest(access_key)
        wanted = select(names).where(names.c.owner == digest)
        row = connection.execute(wanted.with_for_update() if lock else wanted).first()
        if row is None or not hmac.compare_digest(row.owner, digest):
            raise PeerError(ErrorClass.FORGED, "access key")  # SVC-12, SVC-20
        if row.name != name.encode():
            raise PeerError(ErrorClass.REFUSED, "account of another name")  # DIR-2

    def _forget_stale(self, connection: Connection, entry: Entry) -> None:
        """Forget stock whose identity was replaced; what was handed out stays for a repetition."""
        stale = (contacts.c.identity != entry.identity.to_bytes()) & contacts.c.given_day.is_(None)
        connection.execute(delete(contacts).where((contacts.c.name == entry.name.encode()) & stale))

    def _proof(self, connection: Connection, name: str) -> bytes:
        found = self._log.proof(connection, name)
        if found is None:
            raise AssertionError("an entry that was just written")
        return found

    def _left(self, connection: Connection, now_s: int, name: str) -> int:
        found = self._log.entry(connection, name)
        if found is None:
            return 0
        wanted = _usable(name, now_s, found[1]).with_only_columns(func.count())
        return connection.execute(wanted).scalar_one()

    def _next(self, connection: Connection, now_s: int, name: str, entry: Entry) -> "Row[tuple[object, ...]] | None":
        """Return the oldest contact that may go out, unless so many went out today (DIR-9)."""
        today = _of(name).where(contacts.c.given_day == day_of(now_s)).with_only_columns(func.count())
        if connection.execute(today).scalar_one() >= self._rules.contacts_per_day:
            return None
        return connection.execute(_usable(name, now_s, entry).order_by(contacts.c.number).limit(1)).first()


def _of(name: str) -> "Select[tuple[object, ...]]":
    return select(contacts).where(contacts.c.name == name.encode())


def _this(row: "Row[tuple[object, ...]]") -> "ColumnElement[bool]":
    return and_(contacts.c.name == row.name, contacts.c.number == row.number)


def _usable(name: str, now_s: int, entry: Entry) -> "Select[tuple[object, ...]]":
    """Select what `StoredContact.usable` tells of."""
    current = contacts.c.identity == entry.identity.to_bytes()  # DIR-6
    dates = (contacts.c.begins_s <= now_s) & (contacts.c.ends_s > now_s)
    return _of(name).where(current & dates & contacts.c.given_day.is_(None))


def _row(name: str, number: int, digest: bytes, stored: StoredContact) -> dict[str, object]:
    values = msgspec.structs.asdict(stored)
    return {**values, "mark": None, "name": name.encode(), "number": number, "digest": digest}


def _stored(row: "Row[tuple[object, ...]]") -> StoredContact:
    values = {field: getattr(row, field) for field in StoredContact.__struct_fields__}
    return StoredContact(**{**values, "mark": row.mark or ""})


def _digest(access_key: bytes) -> bytes:
    return hashlib.sha256(access_key).digest()
