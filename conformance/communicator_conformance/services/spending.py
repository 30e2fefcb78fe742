"""Tests of how tokens are spent, at every service that takes them (9.4).

Theory. A token pays for one request, once, and only where nothing else is wrong with the request. The same questions go
to each purpose; a service that asks for no token has nothing to test here.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from communicator_conformance.services.cases import Case
from communicator_conformance.services.client import Answer
from communicator_conformance.services.outcomes import Skipped, expect
from communicator_conformance.services.owners import CBOR, TwoLayerOwner, packed
from communicator_conformance.services.sending import OCTETS, submission
from communicator_conformance.services.world import World, base64url, bearer, shown, unbase64url
from communicator_conformance.verdicts import Fault
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["SPENDING"]

_F: Final = PARAMETERS.attachment
_TOKEN: Final = PARAMETERS.token
Headers = dict[str, str]


class Paid(NamedTuple):
    """What one purpose pays for: `make` returns one request, to be sent once or again; `broken` sends a bad one."""

    part: str
    purpose: str
    make: Callable[[World], Callable[[Headers], Answer]]
    broken: Callable[[World, Headers], Answer]
    other: str


def _root(world: World) -> Callable[[Headers], Answer]:
    owner = TwoLayerOwner(world, world.origin)

    def ask(headers: Headers) -> Answer:
        answer = world.client.call("receiving.registerRoot", json=packed(owner.registration), headers=headers)
        if answer.status < 400:
            world.leave(owner.revoke)
        return answer

    return ask


def _submission(world: World) -> Callable[[Headers], Answer]:
    body = submission(world, world.draw(64), uri="https://conformance.invalid", not_after_s=world.now + 5)
    return lambda headers: world.client.call("sending.submit", body=body, media=CBOR, headers=headers)


def _file(world: World) -> Callable[[Headers], Answer]:
    data, query = world.draw(_F.chunk_bytes), {"lifetime": _F.lifetime_s_min}
    if world.origin.part("sending")["upload"].get("1", 1) != 1:
        raise Skipped("an upload of one chunk needs several tokens")

    def ask(headers: Headers) -> Answer:
        answer = world.client.call("sending.upload", body=data, media=OCTETS, query=query, headers=headers)
        if answer.status == 201:
            found = answer.json()
            path = {"id": found["uri"].rpartition("/")[2]}
            world.leave(
                lambda: world.client.call("sending.deleteUpload", path=path, headers=bearer(found["delete_key"]))
            )
        return answer

    return ask


def _query(world: World) -> Callable[[Headers], Answer]:
    if not world.names:
        raise Skipped("needs --name NAME=KEY")
    path = {"name": min(world.names)}
    return lambda headers: world.client.call("directory.lookup", path=path, headers=headers)


def _other_query(world: World) -> Callable[[Headers], Answer]:
    path = {"name": f"conformance {world.draw(4).hex()}"}
    return lambda headers: world.client.call("directory.lookup", path=path, headers=headers)


PAID: Final = (
    Paid(
        "receiving", "register", _root,
        lambda world, headers: world.client.call("receiving.registerRoot", json=b"{}", headers=headers), "fetch",
    ),
    Paid(
        "sending", "submit", _submission,
        lambda world, headers: world.client.call("sending.submit", body=b"\xff", media=CBOR, headers=headers), "upload",
    ),
    Paid(
        "sending", "upload", _file,
        lambda world, headers: world.client.call(
            "sending.upload", body=b"1", media=OCTETS, query={"lifetime": _F.lifetime_s_min}, headers=headers
        ),
        "submit",
    ),
    Paid(
        "directory", "query", _query,
        lambda world, headers: world.client.call("directory.lookup", path={"name": "\u0065\u0301"}, headers=headers),
        "contact",
    ),
)  # fmt: skip


def _missing(paid: Paid, world: World) -> None:
    """Without a token comes the challenge, with the key that issues."""
    issuer = world.origin.issuer(paid.part, paid.purpose)
    answer = paid.make(world)({}).refused(ErrorClass.FORGED)
    challenge = answer.reply.header("www-authenticate") or ""
    expect(challenge.startswith("PrivateToken "), "a refusal without a token carries no challenge")
    wanted = world.origin.partner.ask(
        "token.challenge", world.now, issuer=issuer.partition("://")[2], origin=world.origin.host
    )["challenge"]
    fields = dict(part.strip().partition("=")[::2] for part in challenge.removeprefix("PrivateToken ").split(","))
    given = unbase64url(fields.get("challenge", "").strip('"')).hex()
    expect(given == wanted, "the challenge is not that of the table", Fault.MISMATCH)


def _malformed(paid: Paid, world: World) -> None:
    ask = paid.make(world)
    token = world.origin.token(paid.part, paid.purpose)
    for wrong in (token[:-1], token + b"\0", b"\0\1" + token[2:]):
        ask(shown(wrong)).refused(ErrorClass.MALFORMED)


def _forged(paid: Paid, world: World) -> None:
    ask = paid.make(world)
    token = world.origin.token(paid.part, paid.purpose)
    for place in (2, 40, 70, _TOKEN.token_bytes - 1):  # nonce, challenge, key, signature
        wrong = token[:place] + bytes([token[place] ^ 1]) + token[place + 1 :]
        ask(shown(wrong)).refused(ErrorClass.FORGED)
    ask(bearer(base64url(token))).refused(ErrorClass.FORGED, ErrorClass.MALFORMED)


def _of_another_purpose(paid: Paid, world: World) -> None:
    ask = paid.make(world)
    if not world.origin.issuers(paid.part, paid.other):
        raise Skipped(f"needs no token for {paid.other}")
    ask(shown(world.origin.token(paid.part, paid.other))).refused(ErrorClass.FORGED)


def _spent(paid: Paid, world: World) -> None:
    """On the same request it is the same answer again; on another one it is spent."""
    other = _other_query(world) if paid.purpose == "query" else paid.make(world)
    ask, token = paid.make(world), shown(world.origin.token(paid.part, paid.purpose))
    first = ask(token)
    if paid.purpose == "query" and first.status == 404:
        raise Skipped("the name is not registered")
    first.must(first.status if first.status < 400 else 200)
    again = ask(token)
    expect(again.status == first.status, f"{again.what}: {again.status} when repeated, {first.status} before")
    if paid.purpose != "query":  # a head may be newer
        expect(again.body == first.body, f"{again.what}: another answer when repeated")
    other(token).refused(ErrorClass.REPLAYED)


def _not_spent(paid: Paid, world: World) -> None:
    ask, token = paid.make(world), shown(world.origin.token(paid.part, paid.purpose))
    paid.broken(world, token).refused(ErrorClass.MALFORMED)
    answer = ask(token)
    if answer.status == 409:
        answer.must(200)
    expect(answer.status < 400 or answer.status == 404, f"{answer.what}: {answer.status} with a token not spent")


def _cases(paid: Paid) -> tuple[Case, ...]:
    named = {
        "missing": ("TOK-5 TOK-6", _missing),
        "malformed": ("TOK-13", _malformed),
        "forged": ("TOK-13", _forged),
        "other-purpose": ("TOK-13", _of_another_purpose),
        "spent": ("TOK-14 SVC-7", _spent),
        "not-spent": ("TOK-18", _not_spent),
    }
    if paid.part == "receiving":
        named["missing"] = ("TOK-5 TOK-6 RECV-5", _missing)
    if paid.purpose == "submit":
        named["spent"] = ("TOK-14 SEND-1 SEND-2", _spent)

    def play(test: Callable[[Paid, World], None]) -> Callable[[World], None]:
        return lambda world: _needing(paid, world, test)

    return tuple(
        Case(f"service/{paid.part}/token/{paid.purpose}-{name}", tuple(clauses.split()), play(test))
        for name, (clauses, test) in named.items()
    )


def _needing(paid: Paid, world: World, test: Callable[[Paid, World], None]) -> None:
    world.origin.issuer(paid.part, paid.purpose)  # skips
    test(paid, world)


SPENDING: Final = tuple(case for paid in PAID for case in _cases(paid))
