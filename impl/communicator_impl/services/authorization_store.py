"""What an authorization service does to its tables: the rules of `authorization_service`, on a database.

Theory. Signing takes milliseconds a token and follows from the request alone; counting takes a lock. So a request is
read, its keys are found and its tokens signed before the lock is taken, and what was signed leaves the process only
after the count is durable. ::

    order: account, keys, allowance ─▶ sign ─▶ lock the account, look again, count ─▶ commit ─▶ answer

Rules:

1. A repetition is signed again, to the same bytes, and not counted (AUTH-2); nothing that was signed is kept (AUTH-4).
2. Keys are made two epochs ahead, under one lock. Those with which the service opens issue at once; every later one was
   shown for an epoch before (TOK-2), also when the service was away for so long that it has no keys left.
3. A secret is erased with its epoch; counts and digests too.
"""

import hashlib
import hmac
from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from communicator_impl.authorization_service import MakeKey, OwnKey
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, OwnError, PeerError
from communicator_impl.issuer_keys import IssuerKey, epoch_of
from communicator_impl.services.authorization_schema import accounts, answered, issued, issuer_keys
from communicator_impl.services.database import insert_new, put
from communicator_impl.services.events import write
from communicator_impl.services.kept import held
from communicator_impl.services.schema import kept
from communicator_impl.services.sealing import ISSUER_KEY, opened, sealed
from communicator_impl.tokens import Asked, Purpose, read_requests
from communicator_spec import ErrorClass, Kind
from communicator_spec.events import named
from communicator_spec.parameters import PARAMETERS
from communicator_spec.places import PlaceEvent

__all__ = ["AuthorizationStore", "Order", "close_account", "open_account"]

_OPENED: Final = "issuer opened"
_AHEAD: Final = 2
_PURPOSES: Final = tuple(Purpose)


class Order(NamedTuple):
    """Token requests of an account that may be answered: each with its key, and what they count."""

    account: bytes
    epoch: int
    rows: tuple[tuple[OwnKey, Asked], ...]
    counts: Mapping[Purpose, int]
    digest: bytes


def open_account(connection: Connection, access_key: bytes) -> None:
    """Add an account; how it came into being is the operator's business. Repeating it changes nothing."""
    if len(access_key) != PARAMETERS.service.access_key_bytes:
        raise InputError(ErrorClass.MALFORMED, "access key")
    insert_new(connection, accounts, {"account": _digest(access_key)})


def close_account(connection: Connection, access_key: bytes) -> None:
    """Forget an account; its tokens stay valid, since nobody knows which they are."""
    connection.execute(delete(accounts).where(accounts.c.account == _digest(access_key)))  # SVC-12


class AuthorizationStore:
    """The tables of one service; `allowances`: tokens of each purpose for an account in an epoch."""

    def __init__(self, allowances: Mapping[Purpose, int], entropy: Entropy, make_key: MakeKey) -> None:
        self._allowances = allowances
        self._entropy = entropy
        self._make_key = make_key

    # ---------------------------------------------------------------- keys

    def wake(self, connection: Connection, now_s: int) -> None:
        """Make the keys of the epochs to come, and erase what has ended; under the lock of the keys."""
        held(connection, _OPENED, str(now_s).encode())
        own = _stored_keys(connection)
        for one in own:
            self._age(connection, now_s, one)
        epoch = epoch_of(now_s)
        known = {(one.public.purpose, one.public.epoch) for one in own}
        for number in range(epoch, epoch + _AHEAD + 1):
            for purpose in _PURPOSES:
                if (purpose, number) not in known:
                    own.append(self._made(connection, own, purpose, number, now_s))
        for table in (issued, answered):  # AUTH-4
            connection.execute(delete(table).where(table.c.epoch < epoch))

    def keys(self, connection: Connection, now_s: int) -> tuple[IssuerKey, ...]:
        """Return the public keys that everybody sees: announced, issuing, or not yet ended (TOK-2)."""
        found = (one.public for one in _stored_keys(connection) if now_s < one.public.ends_s)
        return tuple(sorted(found, key=lambda k: (k.epoch, k.purpose)))

    def _made(self, connection: Connection, own: list[OwnKey], purpose: Purpose, epoch: int, now_s: int) -> OwnKey:
        """Make a key of its own (TOK-1) whose id ends unlike those of the same epoch (TOK-22)."""
        taken = {one.byte for one in own if one.public.epoch == epoch}
        while True:
            made = OwnKey.made(purpose, epoch, now_s, self._make_key(self._entropy))
            if made.byte not in taken and all(made.public.key != one.public.key for one in own):
                break
        row = {"purpose": purpose.value, "epoch": epoch, "byte": made.byte, "id": made.public.key.identifier()}
        connection.execute(insert(issuer_keys).values({**row, "own": sealed(connection, ISSUER_KEY, made.to_bytes())}))
        return made

    def _age(self, connection: Connection, now_s: int, own: OwnKey) -> None:
        public = own.public
        this = (issuer_keys.c.purpose == public.purpose.value) & (issuer_keys.c.epoch == public.epoch)
        if now_s >= public.ends_s:
            connection.execute(delete(issuer_keys).where(this))
        elif now_s >= public.issues_until_s and own.secret is not None:
            quiet = msgspec.structs.replace(own, secret=None)
            connection.execute(
                update(issuer_keys).where(this).values(own=sealed(connection, ISSUER_KEY, quiet.to_bytes()))
            )

    # ---------------------------------------------------------------- accounts

    def allowance(self, connection: Connection, now_s: int, access_key: bytes) -> dict[Purpose, int]:
        """Return the tokens that an account has left in this epoch, by purpose; `FORGED`."""
        return self._left(connection, self._account(connection, access_key), epoch_of(now_s))

    # ---------------------------------------------------------------- tokens

    def order(self, connection: Connection, now_s: int, access_key: bytes, body: bytes) -> Order:
        """Read token requests that may be answered (steps 1 to 5 of `authorization_service`); changes nothing."""
        account = self._account(connection, access_key)
        asked = read_requests(body)
        epoch, opened_s = epoch_of(now_s), _opened_s(connection)
        issuing = {one.byte: one for one in _stored_keys(connection, epoch) if one.issues(now_s, opened_s)}
        if any(row.key_byte not in issuing for row in asked):
            raise PeerError(ErrorClass.REFUSED, "no key with this id issues now")  # TOK-23
        rows = tuple((issuing[row.key_byte], row) for row in asked)
        counts = Counter(own.public.purpose for own, _ in rows)
        order = Order(account, epoch, rows, counts, hashlib.sha256(body).digest())
        self._check(connection, order)
        return order

    def sign(self, order: Order) -> bytes:
        """Return the blind signatures in the order of the requests: `MALFORMED` for what is no number below a key."""
        return b"".join(self._signed(own, row) for own, row in order.rows)  # AUTH-1

    def count(self, connection: Connection, now_ms: int, order: Order) -> None:
        """Count an order, once however often it comes (AUTH-2), as far as the allowance goes (AUTH-3)."""
        locked = select(accounts).where(accounts.c.account == order.account).with_for_update()
        if connection.execute(locked).first() is None:
            raise PeerError(ErrorClass.FORGED, "access key")
        if self._check(connection, order):
            return
        row = {"account": order.account, "epoch": order.epoch}
        taken = self._taken(connection, order.account, order.epoch)
        rows = [{**row, "purpose": p.value, "tokens": taken[p] + n} for p, n in order.counts.items()]
        put(connection, issued, rows)
        connection.execute(insert(answered).values({**row, "digest": order.digest}))
        name = named(order.account + order.epoch.to_bytes(8) + order.digest)
        write(connection, [PlaceEvent(now_ms, Kind.GRANTED, message=name, value=len(order.rows))])

    def _check(self, connection: Connection, order: Order) -> bool:
        """Tell whether an order was counted before; raise `LIMIT` if it was not and is more than is left."""
        same = (answered.c.account == order.account) & (answered.c.epoch == order.epoch)
        found = select(answered.c.digest).where(same & (answered.c.digest == order.digest))
        if connection.execute(found).first() is not None:
            return True
        left = self._left(connection, order.account, order.epoch)
        if any(n > left[purpose] for purpose, n in order.counts.items()):
            raise PeerError(ErrorClass.LIMIT, "tokens of this epoch are used up")  # AUTH-3
        return False

    def _signed(self, own: OwnKey, row: Asked) -> bytes:
        if own.secret is None:
            raise OwnError(ErrorClass.EXPIRED, "a key that issues has no secret")
        return own.secret.sign_blinded(row.blinded, self._entropy)

    def _left(self, connection: Connection, account: bytes, epoch: int) -> dict[Purpose, int]:
        taken = self._taken(connection, account, epoch)
        return {p: max(0, self._allowances.get(p, 0) - taken[p]) for p in _PURPOSES}

    def _taken(self, connection: Connection, account: bytes, epoch: int) -> Counter[Purpose]:
        of = (issued.c.account == account) & (issued.c.epoch == epoch)
        rows = connection.execute(select(issued.c.purpose, issued.c.tokens).where(of))
        return Counter({Purpose(row.purpose): row.tokens for row in rows})

    def _account(self, connection: Connection, access_key: bytes) -> bytes:
        digest = _digest(access_key)
        found = connection.execute(select(accounts.c.account).where(accounts.c.account == digest)).scalar()
        if found is None or not hmac.compare_digest(found, digest):
            raise PeerError(ErrorClass.FORGED, "access key")  # SVC-12
        return digest


def _opened_s(connection: Connection) -> int:
    return int(connection.execute(select(kept.c.value).where(kept.c.name == _OPENED)).scalar_one())


def _stored_keys(connection: Connection, epoch: int | None = None) -> list[OwnKey]:
    rows = select(issuer_keys.c.own).order_by(issuer_keys.c.epoch, issuer_keys.c.purpose)
    if epoch is not None:
        rows = rows.where(issuer_keys.c.epoch == epoch)
    stored = connection.execute(rows).scalars()
    return [OwnKey.from_bytes(opened(connection, ISSUER_KEY, data)) for data in stored]


def _digest(access_key: bytes) -> bytes:
    return hashlib.sha256(access_key).digest()
