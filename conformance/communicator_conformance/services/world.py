"""What tests of services share: an origin with its document, tokens for it, people of the suite, and what to take away.

Theory. An origin says in its document which services it runs and whose tokens each takes; nothing else is needed to use
it. The suite plays people there as any device does, and remembers what it brought, because a service that is tested
is perhaps one that others use.

Rules:

1. Whatever is drawn comes from the seed of the run; a run without one has a fresh seed, since a service remembers.
2. `leave` names what takes something away again; all of it is done when the run ends, the last first.
3. Names of a directory belong to the suite only if they begin with the test prefix.
"""

import base64
import hashlib
import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import TYPE_CHECKING, Any, Final, TypeVar

from communicator_conformance.services.client import Answer, Client
from communicator_conformance.services.interface import OPERATIONS, json_of, judge_body
from communicator_conformance.services.outcomes import Failed, Skipped
from communicator_conformance.services.partner import Partner
from communicator_conformance.verdicts import Fault
from communicator_spec.errors import STATUS, ErrorClass
from communicator_spec.openapi import SERVICES
from communicator_spec.parameters import PARAMETERS

if TYPE_CHECKING:
    from communicator_conformance.services.listening import Listener

__all__ = ["PREFIX", "Origin", "World", "base64url", "settle", "unbase64url"]

PREFIX: Final = "conformance"
_BATCH: Final = 16
_ISSUERS_TOKEN: Final = "token-keys"
_PAUSE_S: Final = 0.05
Seen = TypeVar("Seen")


def base64url(data: bytes) -> str:
    """Return bytes as JSON of the standard holds them."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    """Read what `base64url` wrote, or the same with padding; raises `Failed`."""
    plain = text.rstrip("=")
    try:
        return base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
    except ValueError as error:
        raise Failed(Fault.GARBAGE, "what is to be base64url is not") from error


def settle(look: Callable[[], Seen], done: Callable[[Seen], bool], within_s: float) -> Seen:
    """Look again and again until it is done, or the time is over; returns what was seen last."""
    until = time.monotonic() + within_s
    while not done(found := look()) and time.monotonic() < until:
        time.sleep(_PAUSE_S)
    return found


class Origin:
    """One origin: its document, a client of it, and tokens that it takes."""

    def __init__(self, client: Client, partner: Partner, accounts: Mapping[str, str]) -> None:
        self.client, self.uri, self.partner = client, client.origin, partner
        self._accounts = accounts
        self._issuers: dict[str, Client] = {}
        self._tokens: dict[tuple[str, str], list[bytes]] = {}
        answer = client.raw("GET", PARAMETERS.service.document_path).must(200)
        self.raw_document = answer.body
        self.document = json_of("the document", self.raw_document)
        for part in SERVICES:
            if part in self.document:
                judge_body(OPERATIONS[f"{part}.document"], answer.reply)
        self._config = ""

    @property
    def now(self) -> int:
        """Seconds since 1970, as the service has it."""
        return self.client.now

    @property
    def host(self) -> str:
        """Name and port, as a challenge has them."""
        return self.uri.partition("://")[2]

    @property
    def config(self) -> str:
        """The encoded configuration of the receiving service, in hex."""
        if not self._config:
            given = self.partner.checked(
                "the document", "document.decode", self.now, document=self.raw_document, origin=self.uri
            )
            self._config = given["config"]
        return self._config

    def part(self, name: str) -> dict[str, Any]:
        """Return the member of a service; a service that the origin does not run skips the test."""
        found = self.document.get(name)
        if not isinstance(found, dict):
            raise Skipped(f"the origin runs no {name} service")
        return found

    def issuers(self, part: str, purpose: str) -> list[str]:
        """Return whose tokens a service takes for a purpose; an empty list: it takes none."""
        found = self.part(part).get("tokens", {}).get(purpose, [])
        return found if isinstance(found, list) else []

    def authority(self, part: str, purpose: str) -> dict[str, str]:
        """Return a header with a fresh token, or none where no token is needed."""
        return shown(self.token(part, purpose)) if self.issuers(part, purpose) else {}

    def token(self, part: str, purpose: str) -> bytes:
        """Return a fresh token; skips the test where nobody gave an account of an issuer."""
        stock = self._tokens.setdefault((part, purpose), [])
        if not stock:
            stock += self._issued(part, purpose)
        return stock.pop()

    def issuer(self, part: str, purpose: str) -> str:
        """Return the issuer at which the suite has an account."""
        named = self.issuers(part, purpose)
        known = [uri for uri in named if uri in self._accounts or "" in self._accounts]
        if not named:
            raise Skipped(f"needs no token for {purpose}")
        if not known:
            raise Skipped(f"tokens for {purpose} need --account ISSUER=KEY")
        return known[0]

    def account(self, issuer: str) -> dict[str, str]:
        """Return the authority of the account at an issuer."""
        return bearer(self._accounts.get(issuer, self._accounts.get("", "")))

    def has_account(self) -> bool:
        """Tell whether there is an account at this origin."""
        return self.uri in self._accounts or "" in self._accounts

    def _issued(self, part: str, purpose: str) -> list[bytes]:
        issuer = self.issuer(part, purpose)
        if issuer not in self._issuers:
            self._issuers[issuer] = Client(issuer, self.client.timeout_s) if issuer != self.uri else self.client
        client = self._issuers[issuer]
        key = issuing(client, purpose, self.now)
        host = issuer.partition("://")[2]
        digest = self.partner.ask("token.challenge", self.now, issuer=host, origin=self.host)["digest"]
        return issued(self.partner, client, key, digest, _BATCH, self.account(issuer), self.now)

    def close(self) -> None:
        """Close the connections."""
        for client in self._issuers.values():
            client.close()


def bearer(key: str) -> dict[str, str]:
    """Return the authority of an access key in base64url."""
    return {"authorization": f"Bearer {key}"}


def shown(token: bytes) -> dict[str, str]:
    """Return the authority of a token."""
    return {"authorization": f'PrivateToken token="{base64.urlsafe_b64encode(token).decode()}"'}


def issuing(client: Client, purpose: str, now: int) -> bytes:
    """Return the key with which an issuer issues for a purpose now."""
    keys = client.call("authorization.issuer").must(200).json()[_ISSUERS_TOKEN]
    epoch_s = PARAMETERS.token.epoch_s
    for key in keys:
        if key["purpose"] == purpose and key["not-before"] <= now < key["not-before"] + epoch_s:
            return unbase64url(key["token-key"])
    raise Failed(Fault.MISMATCH, f"the issuer has no key for {purpose} that issues now")


def issued(
    partner: Partner, client: Client, key: bytes, digest: str, count: int, account: Mapping[str, str], now: int
) -> list[bytes]:
    """Ask for tokens and finish them: each is verified by the partner."""
    size = PARAMETERS.token.authenticator_bytes
    asked = [partner.ask("token.request", now, key=key, digest=digest) for _ in range(count)]
    body = b"".join(bytes.fromhex(one["request"]) for one in asked)
    media = "application/octet-stream"
    given = client.call("authorization.issue", headers=account, body=body, media=media)
    if given.status == STATUS[ErrorClass.LIMIT]:
        raise Skipped("the account has no tokens left for this in this epoch")
    answer = given.must(200).body
    if len(answer) != size * count:
        raise Failed(Fault.MISMATCH, "issue: not one blind signature for each request")
    parts = [answer[size * i : size * (i + 1)] for i in range(count)]
    return [
        bytes.fromhex(
            partner.checked("a blind signature", "token.finish", now, pending=one["handle"], answer=part)["token"]
        )
        for one, part in zip(asked, parts, strict=True)
    ]


class World:
    """The origin under test, the one that receives what it sends, and what the operator gave."""

    def __init__(
        self,
        origin: Origin,
        receiver: Origin,
        names: Mapping[str, str],
        seed: bytes,
        samples: int,
        restart: str = "",
        *,
        listener: "Listener | None" = None,
        long: bool = False,
    ) -> None:
        self.origin, self.receiver, self.names = origin, receiver, names
        self.samples, self.long, self.restart, self.listener = samples, long, restart, listener
        self.measured: list[dict[str, object]] = []
        self.reached = True  # the receiver, by the sending service
        self.meanwhile: Callable[[Event], None] = lambda over: None  # what goes on while the service is restarted
        self._seed, self._draws = seed, 0
        self._leavings: list[Callable[[], Answer]] = []

    @property
    def client(self) -> Client:
        """The client of the origin under test."""
        return self.origin.client

    @property
    def now(self) -> int:
        """Seconds since 1970, as the service has it."""
        return self.origin.now

    def draw(self, count: int) -> bytes:
        """Return so many bytes that nobody had before."""
        self._draws += 1
        made, block = b"", 0
        while len(made) < count:
            made += hashlib.sha256(self._seed + self._draws.to_bytes(8) + block.to_bytes(4)).digest()
            block += 1
        return made[:count]

    def leave(self, removal: Callable[[], Answer]) -> None:
        """Remember what takes something away again."""
        self._leavings.append(removal)

    def clean(self) -> int:
        """Take away what was brought; returns how many things are left."""
        left = 0
        while self._leavings:
            try:
                left += self._leavings.pop()().status >= 400
            except Failed:  # nobody is there any more
                left += 1
        return left
