"""Tokens of two people: asked for, signed, and spent at a sending service, a receiving service and a directory.

Theory. A token is asked for by an account and spent by nobody in particular. The holder and the issuer are programs
(`token.request`, `token.sign`, `token.finish`); what each service gets is known, so it is seen here:

| of | alex | blair | spent at |
|---|---|---|---|
| first account | t0, t1 | u0 | the sending service, with `word 1` of r2, r0, r3 |
| | t2, t3 | u1 | the receiving service, for a root of r2, r0, r3 |
| | t4, t5 | u2 | the directory, for a name each |
| second account | t6 | | the directory, for another name |

Rules:

1. One operator runs all three services, so that all tokens have one challenge: whoever wants to link is given that.
2. Each person asks for all tokens at one time, as a device asks for a batch (TOK-9), and long before spending.
3. Bytes of the challenge and of the issuer's key are published.
"""

import hashlib
from importlib.resources import files
from typing import Final, NamedTuple

import cbor2
import msgspec

from communicator_conformance.privacy.population import Luck, number_of
from communicator_conformance.privacy.views import Spot, Tag, Views
from communicator_conformance.protocol import Accepted, Rejected
from communicator_conformance.questions import BEGIN_S, Answer, Flaw, Refused
from communicator_conformance.testee import Testee
from communicator_conformance.verdicts import Fault
from communicator_spec.views import Role

__all__ = ["Purses"]

_ISSUER, _ORIGIN = "authorization.example", "s0.example"
_SPENT_S: Final = 86_400


class _Planned(NamedTuple):
    """One token: whose, of which account, and what for: a relationship, or a name at the directory."""

    name: str
    person: int
    account: int
    role: Role
    at: str


_S, _R, _D = Role.SENDING, Role.RECEIVING, Role.DIRECTORY
_PLAN: Final = (
    _Planned("t0", 0, 1, _S, "r2"),
    _Planned("t1", 0, 1, _S, "r0"),
    _Planned("t2", 0, 1, _R, "r2"),
    _Planned("t3", 0, 1, _R, "r0"),
    _Planned("t4", 0, 1, _D, "name 1"),
    _Planned("t5", 0, 1, _D, "name 2"),
    _Planned("t6", 0, 2, _D, "name 3"),
    _Planned("u0", 1, 3, _S, "r3"),
    _Planned("u1", 1, 3, _R, "r3"),
    _Planned("u2", 1, 3, _D, "name 4"),
)


class _Issuer(msgspec.Struct, frozen=True):
    """A key that everybody knows, of the suite's own vectors."""

    p: str
    q: str
    key: str

    @classmethod
    def published(cls) -> "_Issuer":
        raw = (files("communicator_conformance") / "vectors/token/round-trip.json").read_bytes()
        steps = {step["name"]: step["args"] for step in msgspec.json.decode(raw)["steps"]}
        return cls(steps["sign"]["p"], steps["sign"]["q"], steps["request"]["key"])


class Purses:
    """Asks a holder and an issuer for the tokens of one population after another."""

    def __init__(self, holder: Testee, issuer: Testee) -> None:
        self._holder = holder
        self._issuer = issuer
        self._keys = _Issuer.published()
        self._filled: dict[Luck, Views] = {}

    def filled(self, luck: Luck) -> Views:
        """Let two people ask for tokens and spend them, once for all profiles; everybody sees his part."""
        if luck not in self._filled:
            self._filled[luck] = self._fill(luck.own())
        return self._filled[luck]

    def _fill(self, seed: bytes) -> Views:
        views = Views()
        digest = self._ask(self._holder, "token.challenge", 0, seed, {"issuer": _ISSUER, "origin": _ORIGIN})["digest"]
        key = bytes.fromhex(self._keys.key)
        views.published += [bytes.fromhex(digest) + hashlib.sha256(key).digest(), key]
        for number, planned in enumerate(_PLAN):
            self._live(views, number, planned, digest, hashlib.sha256(seed + planned.name.encode()).digest())
        return views

    def _live(self, views: Views, number: int, planned: _Planned, digest: str, seed: bytes) -> None:
        """Let one token be asked for, signed and spent."""
        now_s = -_SPENT_S + 3600 * planned.person
        asked = self._ask(self._holder, "token.request", now_s, seed, {"key": self._keys.key, "digest": digest})
        primes = {"p": self._keys.p, "q": self._keys.q}
        signed = self._ask(self._issuer, "token.sign", now_s, seed, {**primes, "request": asked["request"]})
        args = {"pending": asked["handle"], "answer": signed["answer"]}
        token = bytes.fromhex(self._ask(self._holder, "token.finish", now_s, seed, args)["token"])
        tag = Tag(person=planned.person, token=number, account=planned.account)
        spot, connection = Spot(Role.AUTHORIZATION, planned.name, "asked"), views.connect()
        for data in (asked["request"], signed["answer"]):
            views.see(spot, now_s, "tokens", bytes.fromhex(data), tag, connection=connection)
        self._spend(views, planned, tag, token)

    def _spend(self, views: Views, planned: _Planned, tag: Tag, token: bytes) -> None:
        spot = Spot(planned.role, planned.name, "paid")
        if planned.role is Role.DIRECTORY:
            name = int(planned.at[-1])
            data = cbor2.dumps([planned.at, token], canonical=True)
            views.see(spot, 0, "query", data, tag._replace(name=name))
        else:
            views.see(spot, 0, "token", token, tag._replace(end=2 * number_of(planned.at)))

    def _ask(self, testee: Testee, op: str, now_s: int, seed: bytes, args: dict[str, object]) -> Answer:
        entropy = hashlib.sha256(seed + op.encode()).hexdigest()
        answer = testee.ask(op, BEGIN_S + now_s, entropy, args)
        if isinstance(answer, Rejected):
            raise Refused(op, answer.error_class, answer.detail)
        if not isinstance(answer, Accepted):
            raise Flaw(Fault.UNSUPPORTED, f"{op} is offered and not there")
        return answer.result
