"""Tests of an authorization service: its keys, what it issues to an account, and what it counts (8.5, 9.1, 9.3).

Theory. An issuer can mark people by keys, and cheat them by counts. So keys are looked at as everybody sees them, and
tokens are asked for, verified, asked for again and counted. Each run uses up some of what the account may have.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from communicator_conformance.services.cases import Case, Need
from communicator_conformance.services.client import Answer
from communicator_conformance.services.outcomes import Skipped, expect
from communicator_conformance.services.world import World, issued, issuing, unbase64url
from communicator_conformance.verdicts import Fault
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["AUTHORIZATION", "allowance", "ask", "requests"]

_T: Final = PARAMETERS.token
_OCTETS: Final = "application/octet-stream"
_ONE: Final = "application/private-token-request"
_ONE_ANSWER: Final = "application/private-token-response"
_USED_UP_MAX: Final = 256


def _keys(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.client.call("authorization.issuer").must(200).json()["token-keys"]
    return found


def allowance(world: World) -> dict[str, int]:
    """Return what the account may still have, by purpose."""
    shown = world.origin.account(world.origin.uri)
    found: dict[str, int] = world.client.call("authorization.allowance", headers=shown).must(200).json()
    return found


def _purpose(world: World) -> str:
    """Return the purpose of which the account may have most."""
    left = allowance(world)
    name = max(sorted(left), key=lambda one: left[one], default="")
    if not name or left[name] < 2 * _T.batch:
        raise Skipped("the account has too few tokens left in this epoch")
    return name


def requests(world: World, purpose: str, count: int) -> bytes:
    """Return so many token requests, one after the other."""
    key = issuing(world.client, purpose, world.now)
    partner = world.origin.partner
    asked = (partner.ask("token.request", world.now, key=key, digest=bytes(32))["request"] for _ in range(count))
    return b"".join(bytes.fromhex(one) for one in asked)


def ask(world: World, body: bytes, *, patient: bool = True) -> Answer:
    """Ask for tokens with the account."""
    media = _ONE if len(body) == _T.request_bytes else _OCTETS
    shown = world.origin.account(world.origin.uri)
    return world.client.call("authorization.issue", body=body, media=media, headers=shown, patient=patient)


# -------------------------------------------------------------------- keys


def _keys_are_right(world: World) -> None:
    """Keys of the one size and encoding, one for each purpose and epoch, with dates of epochs."""
    seen = set()
    for key in _keys(world):
        name = f"a key of {key['purpose']}"
        raw = unbase64url(key["token-key"])
        world.origin.partner.checked(name, "token.key", world.now, key=raw)
        begins_s, ends_s = key["not-before"], key["not-after"]
        expect(begins_s % _T.epoch_s == 0, f"{name} does not begin with an epoch")
        expect(ends_s == begins_s + _T.epoch_s + _T.redeem_grace_s, f"{name} does not end when its tokens do")
        expect((key["purpose"], begins_s) not in seen, f"{name} is not the only one of its epoch", Fault.DOUBLED)
        seen.add((key["purpose"], begins_s))


def _keys_differ(world: World) -> None:
    ends = defaultdict[int, list[int]](list)
    whole = set()
    for key in _keys(world):
        raw = unbase64url(key["token-key"])
        identifier = world.origin.partner.checked("a key", "token.key", world.now, key=raw)["identifier"]
        ends[key["not-before"]].append(int(identifier[-2:], 16))
        whole.add(identifier)
    expect(len(whole) == sum(map(len, ends.values())), "a key serves two purposes or epochs", Fault.DOUBLED)
    for bytes_ in ends.values():
        expect(len(set(bytes_)) == len(bytes_), "two keys of one epoch have ids with the same last byte", Fault.DOUBLED)


def _keys_announced(world: World) -> None:
    """What issues in the next epoch is shown in this one, and everybody sees the same."""
    first, again = _keys(world), _keys(world)
    expect(first == again, "two who ask see two sets of keys", Fault.TOLD_APART)
    now = world.now // _T.epoch_s * _T.epoch_s
    purposes = {key["purpose"] for key in first if key["not-before"] == now}
    announced = {key["purpose"] for key in first if key["not-before"] == now + _T.epoch_s}
    expect(bool(purposes), "no key issues now", Fault.UNMET)
    expect(purposes <= announced, "a key of the next epoch is not announced", Fault.UNMET)


# -------------------------------------------------------------------- tokens


def _issues(world: World) -> None:
    purpose = _purpose(world)
    key = issuing(world.client, purpose, world.now)
    before = allowance(world)[purpose]
    shown = world.origin.account(world.origin.uri)
    issued(world.origin.partner, world.client, key, "00" * 32, _T.batch, shown, world.now)
    left = allowance(world)[purpose]
    expect(left == before - _T.batch, f"{before - left} tokens are counted of {_T.batch}", Fault.STATE)


def _one_has_its_media_type(world: World) -> None:
    answer = ask(world, requests(world, _purpose(world), 1)).must(200)
    kind = answer.reply.header("content-type")
    expect(kind == _ONE_ANSWER, "one token request is not answered in the media type of RFC 9578")


def _again(world: World) -> None:
    purpose = _purpose(world)
    body = requests(world, purpose, 2)
    first, before = ask(world, body).must(200), allowance(world)[purpose]
    again = ask(world, body).must(200)
    expect(again.body == first.body, "a request that is repeated gets other signatures")
    expect(allowance(world)[purpose] == before, "a request that is repeated counts again", Fault.DOUBLED)


def _all_or_none(world: World) -> None:
    purpose = _purpose(world)
    good, before = requests(world, purpose, 2), allowance(world)[purpose]
    keys = {key["token-key"] for key in _keys(world)}
    ends = {
        int(world.origin.partner.ask("token.key", world.now, key=unbase64url(key))["identifier"][-2:], 16)
        for key in keys
    }
    free = next(number for number in range(256) if number not in ends)
    bad = good[: _T.request_bytes + 2] + bytes([free]) + good[_T.request_bytes + 3 :]
    ask(world, bad).refused(ErrorClass.REFUSED)
    expect(allowance(world)[purpose] == before, "a request that is refused counts", Fault.STATE)


def _forms(world: World) -> None:
    good = requests(world, _purpose(world), 1)
    for body in (good[:-1], good + b"\0", b"\0\1" + good[2:], good[:3] + b"\xff" * _T.authenticator_bytes):
        ask(world, body).refused(ErrorClass.MALFORMED)
    ask(world, b"").refused(ErrorClass.MALFORMED)
    beyond = ask(world, good * (_T.batch + 1))
    beyond.refused(ErrorClass.TOO_LARGE, ErrorClass.MALFORMED)


def _used_up(world: World) -> None:
    """When nothing is left there is nothing more, and who asks for too much gets none."""
    left = allowance(world)
    small = [name for name in sorted(left) if left[name] <= (_USED_UP_MAX if not world.long else 1 << 14)]
    if not small:
        raise Skipped(f"no purpose of which the account may have at most {_USED_UP_MAX}; --long uses up more")
    purpose = min(small, key=lambda name: left[name])
    rest = left[purpose]
    while rest >= _T.batch:
        ask(world, requests(world, purpose, _T.batch)).must(200)
        rest -= _T.batch
    ask(world, requests(world, purpose, rest + 1), patient=False).refused(ErrorClass.LIMIT)
    expect(allowance(world).get(purpose, 0) == rest, "a request that is refused counts", Fault.STATE)


def _case(name: str, clauses: str, play: Callable[[World], None], needs: Need | None = Need.ACCOUNT) -> Case:
    return Case(f"service/authorization/{name}", tuple(clauses.split()), play, needs)


AUTHORIZATION: Final = (
    _case("keys/form", "TOK-1 TOK-21", _keys_are_right, None),
    _case("keys/differ", "TOK-1 TOK-22", _keys_differ, None),
    _case("keys/announced", "TOK-2", _keys_announced, None),
    _case("issue/batch", "AUTH-3", _issues),
    _case("issue/one", "SVC-4", _one_has_its_media_type),
    _case("issue/again", "AUTH-2", _again),
    _case("issue/all-or-none", "AUTH-1 TOK-23", _all_or_none),
    _case("issue/form", "SVC-4", _forms),
    _case("issue/used-up", "AUTH-3", _used_up),
)
