"""What directories and issuers see, alone or with a service, tells them no more than their rows of the table permit.

Theory. These services see no message, so what could betray somebody is what a device shows them: token requests,
tokens, queries, contacts. All of it is made by the real cores here, observed byte for byte, and judged like everything
else. For each row there is somebody who does wrong in one place, and is found.
"""

from collections.abc import Iterator
from typing import Final

import pytest
from tests.impl.issuing import ISSUER, NOW, issuing_service, signer

from communicator_impl import wire
from communicator_impl.address_set import ServiceEntry, WireGrant, WireSet, encode_set
from communicator_impl.addresses import KeySchedule, LabelRoot, Profile
from communicator_impl.entropy import SeededEntropy
from communicator_impl.issuer_keys import IssuerKey
from communicator_impl.keys import Identity, make_package
from communicator_impl.redemption import request_digest
from communicator_impl.storage import MemoryStorage
from communicator_impl.tokens import Purpose, Token, TokenKey, challenge_digest, finish, request, request_with
from communicator_impl.wallet import Purse, Wallet
from communicator_spec import NONE
from communicator_spec.parameters import PARAMETERS
from communicator_spec.schema import validate
from communicator_spec.views import Direction, Observation, Relation, Role, knowledge_of, must_not_link, relation
from communicator_spec.views import shared_windows as shared

ORIGIN: Final = "sending.example"
PEOPLE: Final = (0, 1)
SPENT: Final = 20
REQUEST, ANSWER = PARAMETERS.token.request_bytes, PARAMETERS.token.authenticator_bytes
A, S, R, D = Role.AUTHORIZATION, Role.SENDING, Role.RECEIVING, Role.DIRECTORY


def seen(role: Role, connection: int, data: bytes, *, end: int = NONE, person: int = NONE, token: int = NONE,
         account: int = NONE, name: int = NONE) -> Observation:  # fmt: skip
    return Observation(
        NOW, role, 0, "", connection, Direction.IN, data, end, person, token=token, account=account, name=name
    )


def leaks(party: tuple[Role, ...], views: list[Observation], allow: list[bytes]) -> list[Relation | None]:
    mine = [view for view in views if view.role in party]
    found = shared(mine, allow, must_not_link(knowledge_of(*party)))
    return [relation(mine[witness.first], mine[witness.second]) for witness in found]


def constants(*keys: TokenKey, origin: str = ORIGIN) -> list[bytes]:
    """What every token has: the digest of the challenge, and the key that its issuer shows to everybody."""
    return [challenge_digest(ISSUER, origin) + key.identifier() for key in keys]


# ---------------------------------------------------------------- tokens


def spent_by(person: int, number: int, token: Token, role: Role) -> Observation:
    return seen(role, 1000 * (person + 1) + number, token.encode(), person=person, token=1000 * person + number)


def asked_by(person: int, number: int, row: bytes, answer: bytes) -> Iterator[Observation]:
    for data in (row, answer):
        yield seen(A, 10 + person, data, person=person, account=person, token=1000 * person + number)


def lives(role: Role, purpose: Purpose) -> tuple[list[Observation], IssuerKey]:
    """Let people fetch a batch each, and spend from it."""
    issuer, views = issuing_service(), list[Observation]()
    key = next(k for k in issuer.keys(NOW) if k.purpose is purpose and k.issues(NOW // 1000))
    purse = Purse(ISSUER, ORIGIN, purpose)
    for person in PEOPLE:
        access, wallet = bytes([person + 1]) * 32, Wallet(MemoryStorage(), SeededEntropy(b"wallet %d" % person))
        issuer.open_account(access)
        wallet.open(NOW, purse, at_once=True)
        wallet.wake(NOW)
        body = wallet.ask(NOW, purse, key)
        answer = issuer.issue(NOW, access, body)
        wallet.answered(NOW, purse, answer)
        for n in range(len(body) // REQUEST):
            row, signed = body[n * REQUEST : (n + 1) * REQUEST], answer[n * ANSWER : (n + 1) * ANSWER]
            views += asked_by(person, n, row, signed)
        for n in range(SPENT):
            digest = request_digest("POST", "/v1/submissions", b"%d %d" % (person, n))
            views.append(spent_by(person, n, wallet.spend(NOW, purse, digest), role))
    return views, key


@pytest.mark.parametrize(("role", "purpose"), [(S, Purpose.SUBMIT), (R, Purpose.REGISTER)])
def test_tokens_do_not_lead_back_to_accounts(role: Role, purpose: Purpose) -> None:  # KNOW-14
    views, key = lives(role, purpose)
    assert sum(view.role is role for view in views) == SPENT * len(PEOPLE)
    for party in ((A,), (A, role)):
        assert leaks(party, views, constants(key.key)) == []


def test_a_token_that_was_not_blinded_leads_back_to_its_account() -> None:
    key, entropy = TokenKey(signer("issuer").public), SeededEntropy(b"not blinded")
    digest, nonce, salt = challenge_digest(ISSUER, ORIGIN), entropy.draw("nonce", 32), entropy.draw("salt", 48)
    pending = request_with(key, digest, nonce, salt, factor=1)
    answer = signer("issuer").sign_blinded(pending.blinded, entropy)
    views = [*asked_by(0, 0, pending.request(), answer), spent_by(0, 0, finish(pending, answer), S)]
    assert set(leaks((A, S), views, constants(key))) == {Relation.SAME_TOKEN}
    assert leaks((A,), views, constants(key)) == []


def test_a_key_for_one_account_alone_marks_its_tokens() -> None:
    entropy, views = SeededEntropy(b"marked"), list[Observation]()
    mark, everybody = TokenKey(signer(39).public), TokenKey(signer("issuer").public)
    for n in range(2):
        pending = request(mark, challenge_digest(ISSUER, ORIGIN), entropy)
        token = finish(pending, signer(39).sign_blinded(pending.blinded, entropy))
        views.append(spent_by(0, n, token, S))
    assert set(leaks((A, S), views, [challenge_digest(ISSUER, ORIGIN), *constants(everybody)])) == {
        Relation.SAME_PERSON
    }


# ---------------------------------------------------------------- queries and contacts


def queries(*, repeats: bool) -> tuple[list[Observation], TokenKey]:
    """Let each of two people ask for the same two names; `repeats`: with one token for both."""
    key, views = TokenKey(signer("issuer").public), list[Observation]()
    for person in PEOPLE:
        entropy = SeededEntropy(b"asks %d" % person)
        for number, name in enumerate((b"blair of the town", b"casey by the sea")):
            if not (repeats and number):
                pending = request(key, challenge_digest(ISSUER, "directory.example"), entropy)
                token = finish(pending, signer("issuer").sign_blinded(pending.blinded, entropy))
            query, paid = b"/v1/names/" + name + b"\n" + token.encode(), 1000 * person + (0 if repeats else number)
            views.append(seen(D, len(views), query, person=person, name=number, token=paid))
    return views, key


def test_a_directory_does_not_see_who_asks() -> None:  # KNOW-13
    views, key = queries(repeats=False)
    allow = [b"/v1/names/", *constants(key, origin="directory.example")]
    assert leaks((D,), views, allow) == []
    assert {relation(views[0], views[2]), relation(views[0], views[1])} == {Relation.SAME_NAME, Relation.SAME_PERSON}


def test_a_directory_sees_who_asks_with_one_token_twice() -> None:
    views, key = queries(repeats=True)
    allow = [b"/v1/names/", *constants(key, origin="directory.example")]
    assert set(leaks((D,), views, allow)) == {Relation.SAME_TOKEN}


def deposits(*, own_root: bool) -> list[Observation]:
    """Let a person with a relationship (end 2) deposit a contact (end 4); with a root of its own, or that of end 2."""
    entropy = SeededEntropy(b"deposits")
    config = KeySchedule.generate("https://rs.example", tuple(Profile), NOW // 1000, entropy).config()
    roots = {2: LabelRoot.generate(entropy), 4: LabelRoot.generate(entropy)}
    views = [
        seen(R, end * 10 + n, piece, end=end, person=0, name=7 if end == 4 else -1)
        for end, root in roots.items()
        for n, piece in enumerate((root.root, root.root + root.epoch_key(1)))
    ]
    until_s = NOW // 1000 + 30 * 86_400
    grant = WireGrant(1, True, until_s, 16, roots[4 if own_root else 2].epoch_key(1))
    addresses = WireSet(1, (ServiceEntry(config.uri, Profile.LABEL, config.outer, (grant,)),))
    package = make_package(Identity.generate(entropy), NOW // 1000, 30 * 86_400, entropy).package
    value = {0: 1, 1: wire.decode(package.encode(), 1024), 2: wire.decode(encode_set(addresses), 4096)}
    contact = wire.encode(value)
    assert validate("contact", contact) is None
    return [*views, seen(D, 99, contact, end=4, person=0, name=7)]


def test_a_contact_leads_to_its_own_root_and_to_no_other() -> None:  # KNOW-15
    assert leaks((D, R), deposits(own_root=True), []) == []
    assert set(leaks((D, R), deposits(own_root=False), [])) == {Relation.SAME_PERSON}
