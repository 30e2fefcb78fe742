"""Accounts at authorization services, and the tokens that a device has from them.

Theory. A token is fetched long before it is needed, in batches of one size, and says nothing about whose it is; but an
issuer that shows one person a key of his own marks all his tokens. So before a batch is asked for, the issuer's keys
are looked at from elsewhere: over other ways, if the person named some (`issuer_choice`), or else in what the directory
asks of everybody (TOK-6); two who show the same key to one person either both lie, or neither.

Tokens pay for queries and contacts of directories, for roots and files at receiving services, for submissions and
uploads at sending services (9.1).

Rules:

1. Among the issuers that a service names, one with an account here is used; first those whom somebody else runs than
   the service (TOK-19).
2. A token belongs to one request from when it was taken out of the purse, also after a crash (TOK-17).
3. What a pass in the background cannot do is tried again later; a person who waits is told, and so is the next one who
   types a command (`lines`).
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from communicator_impl.client.asker import Asker
from communicator_impl.client.courier import Silent
from communicator_impl.client.records import packed, unpacked
from communicator_impl.client.vault import Vault
from communicator_impl.document import Directory, Document, Receiving, Sending
from communicator_impl.entropy import Entropy
from communicator_impl.errors import CommunicatorError, InputError, PeerError, ServiceError
from communicator_impl.issuer_choice import has_one_operator, seen_alike
from communicator_impl.issuer_keys import IssuerKey, read_issuer_document
from communicator_impl.particle_fields import NEVER
from communicator_impl.tokens import Purpose, Token, challenge_header
from communicator_impl.wallet import Purse, Wallet
from communicator_spec import ErrorClass

__all__ = ["Account", "Payment", "Purses", "Unpaid"]

_ACCOUNT: Final = "account/"
_OF_DIRECTORIES: Final = (Purpose.QUERY, Purpose.CONTACT)
_OF_RECEIVING: Final = (Purpose.REGISTER, Purpose.FETCH)
_OF_SENDING: Final = (Purpose.SUBMIT, Purpose.UPLOAD)
_LATER_MS: Final = 600_000


class Account(msgspec.Struct, frozen=True, array_like=True):
    """An account: its issuer, other ways to look at the issuer's keys, and the services that it pays."""

    uri: str
    access_key: bytes
    ways: tuple[str, ...]
    operator: str
    services: tuple[str, ...] = ()
    wait_until_ms: int = 0  # after a pass that failed


class Payment(NamedTuple):
    """A token for one request, and what it is settled by; no token where none is needed."""

    token: Token | None = None
    purse: Purse | None = None
    digest: bytes = b""


class Unpaid(ServiceError):
    """There is no token for a request now; it waits."""


class Purses:
    """The accounts and tokens of one device."""

    def __init__(self, vault: Vault, asker: Asker, entropy: Entropy, clock: Callable[[], int]) -> None:
        self._vault, self._asker, self._entropy, self._clock = vault, asker, entropy, clock
        self._troubles: dict[tuple[Purpose, str], str] = {}

    # ---------------------------------------------------------------- accounts

    def open_account(self, uri: str, access_key: bytes, ways: tuple[str, ...] = ()) -> dict[str, int]:
        """Use an account from now on; return what it may ask for in this epoch, by purpose."""
        document = self._asker.document(uri)
        if document.authorization is None:
            raise InputError(ErrorClass.UNKNOWN, f"{uri} runs no authorization service")
        try:
            allowed = self._asker.allowance(uri, access_key)
        except ServiceError as error:
            if error.error_class is ErrorClass.FORGED:
                raise InputError(ErrorClass.FORGED, f"{uri} knows no account of this access key") from error
            raise
        known = self.accounts().get(uri)
        services = known.services if known else ()
        self._keep(Account(uri, access_key, ways, document.operator, services))
        return allowed

    def accounts(self) -> dict[str, Account]:
        """Return all accounts by the URI of their issuer."""
        found = (unpacked(value, Account) for _, value in self._vault.items(_ACCOUNT))
        return {account.uri: account for account in found}

    def _keep(self, account: Account) -> None:
        self._vault.save(_ACCOUNT + account.uri, packed(account))

    def use_at(self, document: Document) -> None:
        """Have tokens of an own service by the time when they are needed (TOK-10)."""
        for purpose in (*_OF_RECEIVING, *_OF_SENDING) if self.accounts() else ():
            part = _part(document, purpose)
            account = None if part is None else self._account(document, part, purpose)
            if part is not None and account is not None:
                purse = _purse(account, _uri(part), purpose)
                if self._vault.load(purse.place) is None:
                    self._wallet().open(self._clock(), purse)

    def need_account(self, document: Document) -> None:
        """Raise `InputError` if an own service takes tokens for roots or submissions, and no account here gets any."""
        for purpose in (Purpose.REGISTER, Purpose.SUBMIT):
            part = _part(document, purpose)
            if part is not None:
                self._chosen(document, part, purpose)

    # ---------------------------------------------------------------- spending

    def pay(self, document: Document, purpose: Purpose, digest: bytes) -> Payment:
        """Return the token for one request, by its digest; whoever has none left asks for a batch first.

        `InputError` of class `REFUSED` without an account, of class `LIMIT` if the account gets no more.
        """
        part = _part(document, purpose)
        assert part is not None
        account = self._chosen(document, part, purpose)
        if account is None:
            return Payment()
        purse, wallet = _purse(account, _uri(part), purpose), self._wallet()
        wallet.open(self._clock(), purse, at_once=True)
        try:
            token = wallet.spend(self._clock(), purse, digest)
        except InputError as error:
            if error.error_class is not ErrorClass.LIMIT:
                raise
            self._restock(wallet, purse, account, _uri(part))
            token = wallet.spend(self._clock(), purse, digest)
        return Payment(token, purse, digest)

    def pay_later(self, document: Document | None, purpose: Purpose, digest: bytes, count: int = 1) -> list[Payment]:
        """Return tokens for a request that can wait: `Unpaid`, and the person is told, if there are none now."""
        if document is None or _part(document, purpose) is None:
            return [Payment()]
        digests = [hashlib.sha256(digest + bytes([at])).digest() for at in range(count)]
        try:
            payments = [self.pay(document, purpose, one) for one in digests]
        except CommunicatorError as error:
            self._troubles[purpose, document.operator] = error.detail
            raise Unpaid(error.error_class, error.detail) from error
        self._troubles.pop((purpose, document.operator), None)
        return payments

    def settled_all(self, payments: Sequence[Payment]) -> None:
        """Forget the tokens of a request that was answered for good, or that were not taken."""
        for payment in payments:
            self.settled(payment)

    def lines(self) -> list[str]:
        """Return what the person should know: what waits for tokens, and why there are none."""
        return sorted(set(self._troubles.values()))

    def settled(self, payment: Payment) -> None:
        """Forget the token of a request that was answered for good."""
        if payment.purse is not None:
            self._wallet().settled(payment.purse, payment.digest)

    def is_seen_by_one(self, document: Document) -> bool:
        """Tell whether the person is to be warned: one operator issues tokens and sees them spent (TOK-19)."""
        part = document.directory
        used = (self._account(document, part, purpose) for purpose in _OF_DIRECTORIES) if part else ()
        return any(account is not None and _is_run_by(account, document) for account in used)

    def left(self) -> dict[str, int]:
        """Return how many tokens are left, by issuer, directory and purpose."""
        wallet, now_ms = self._wallet(), self._clock()
        return {f"{p.issuer} {p.origin} {p.purpose.value}": wallet.left(now_ms, p) for p in self._purses()}

    # ---------------------------------------------------------------- in the background

    def turn(self) -> None:
        """Ask for what is due; who does not answer is asked again later."""
        accounts = self.accounts()
        if not accounts:
            return
        wallet, now_ms = self._wallet(), self._clock()
        wallet.wake(now_ms)
        for purse in wallet.due(now_ms):
            for account in accounts.values():
                uri = next((uri for uri in account.services if _host(uri) == purse.origin), None)
                if _host(account.uri) == purse.issuer and uri is not None and account.wait_until_ms <= now_ms:
                    self._try(wallet, purse, account, uri)

    def next_ms(self) -> int:
        """Return when the next batch is to be asked for."""
        accounts = self.accounts()
        due = self._wallet().next_wake_ms() if accounts else None
        waits = max((account.wait_until_ms for account in accounts.values()), default=0)
        return NEVER if due is None else max(due, waits)

    def _try(self, wallet: Wallet, purse: Purse, account: Account, uri: str) -> None:
        try:
            self._restock(wallet, purse, account, uri)
        except CommunicatorError:
            self._keep(msgspec.structs.replace(account, wait_until_ms=self._clock() + _LATER_MS))

    # ---------------------------------------------------------------- asking

    def _restock(self, wallet: Wallet, purse: Purse, account: Account, uri: str) -> None:
        """Ask for one batch, with a key that others see too (TOK-3, TOK-9)."""
        try:
            key = self._key(purse, account, uri)
            requests = wallet.ask(self._clock(), purse, key)
            answer = self._asker.tokens(account.uri, account.access_key, requests)
        except Silent as error:
            raise ServiceError(error.error_class, f"no token is left, and {error.detail}; try again later") from error
        except ServiceError as error:
            wallet.refused(self._clock(), purse)
            raise _refused(error, account) from error
        wallet.answered(self._clock(), purse, answer)

    def _key(self, purse: Purse, account: Account, uri: str) -> IssuerKey:
        """Return the key that issues now, if the issuer shows it to others as well (TOK-3)."""
        ways = {way: self._asker.issuer_keys(way) for way in (account.uri, *account.ways)}
        found = seen_alike(ways, account.uri) if account.ways else read_issuer_document(ways[account.uri])
        now_s = self._clock() // 1000
        keys = [key for key in found if key.purpose is purse.purpose and key.issues(now_s)]
        if not keys:
            raise ServiceError(ErrorClass.UNKNOWN, f"{account.uri} has no key that issues now")
        wanted = challenge_header(purse.issuer, purse.origin, keys[0].key)
        if not account.ways and wanted not in self._asker.demanded(uri, purse.purpose):
            raise PeerError(ErrorClass.FORGED, f"{account.uri} shows another key than {uri} asks for; nothing was sent")
        return keys[0]

    # ---------------------------------------------------------------- choice

    def _chosen(self, document: Document, part: "_Part", purpose: Purpose) -> Account | None:
        """Return the account whose tokens pay here, None where none are asked for; `REFUSED` if there is no account."""
        issuers = dict(part.tokens).get(purpose.value, ())
        account = self._account(document, part, purpose)
        if account is None and issuers:
            hint = f"open an account there: communicator rm account {issuers[0]}"
            raise InputError(ErrorClass.REFUSED, f"{_uri(part)} takes tokens of {' or '.join(issuers)}; {hint}")
        return account

    def _account(self, document: Document, part: "_Part", purpose: Purpose) -> Account | None:
        """Return the account whose tokens pay here (rule 1), and note that they do."""
        accounts, named = self.accounts(), dict(part.tokens).get(purpose.value, ())
        usable = [accounts[uri] for uri in named if uri in accounts]
        if not usable:
            return None
        chosen = min(usable, key=lambda account: _is_run_by(account, document))
        if _uri(part) not in chosen.services:
            chosen = msgspec.structs.replace(chosen, services=(*chosen.services, _uri(part)))
            self._keep(chosen)
        return chosen

    def _purses(self) -> list[Purse]:
        known = [(a, uri, p) for a in self.accounts().values() for uri in a.services for p in Purpose]
        found = [_purse(*one) for one in known]
        return [purse for purse in found if self._vault.load(purse.place) is not None]

    def _wallet(self) -> Wallet:
        """Return the wallet as it is in the store: it is never ahead of it."""
        return Wallet(self._vault, self._entropy)


_Part = Directory | Receiving | Sending


def _part(document: Document, purpose: Purpose) -> _Part | None:
    """Return the service of an origin at which tokens of a purpose are spent."""
    if purpose in _OF_DIRECTORIES:
        return document.directory
    return document.receiving if purpose in _OF_RECEIVING else document.sending


def _uri(part: _Part) -> str:
    return part.config.uri if isinstance(part, Receiving) else part.uri


def _host(uri: str) -> str:
    return uri.partition("://")[2]


def _purse(account: Account, service: str, purpose: Purpose) -> Purse:
    return Purse(_host(account.uri), _host(service), purpose)


def _is_run_by(account: Account, document: Document) -> bool:
    return has_one_operator(Document(0, account.operator), document)


def _refused(error: ServiceError, account: Account) -> CommunicatorError:
    if error.error_class is ErrorClass.LIMIT:
        return InputError(
            ErrorClass.LIMIT, f"no token is left, and the account at {account.uri} gets no more this week"
        )
    if error.error_class is ErrorClass.FORGED:
        return InputError(ErrorClass.FORGED, f"{account.uri} does not know the account any more; open another one")
    return error
