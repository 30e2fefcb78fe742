"""Tokens from the account to what they pay for, with every answer lost at least once; and what that showed to whom."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.impl.issuing import EPOCH_MS, ISSUER, NOW, ORIGIN, issuing_service
from tests.impl.naming import DAY, directory, peopled, register
from tests.impl.naming import entry as entry_of

from communicator_impl.authorization_service import AuthorizationService
from communicator_impl.directory import Proof
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import CommunicatorError
from communicator_impl.issuer_keys import read_issuer_document
from communicator_impl.redemption import Redemption, request_digest
from communicator_impl.storage import MemoryStorage
from communicator_impl.tokens import Purpose, challenge
from communicator_impl.wallet import Purse, Wallet

ACCOUNT = b"k" * 32
PURSE = Purse(ISSUER, ORIGIN, Purpose.QUERY)
SHARED = 8
"""Bytes that two observations may not share, unless everybody knows them (KNOW-9)."""


class Town:
    """An issuer, a directory and a device, with a network that loses every answer the first time."""

    def __init__(self) -> None:
        self.disks = {name: MemoryStorage() for name in ("issuer", "directory", "device")}
        self.issuer: AuthorizationService = issuing_service(self.disks["issuer"], per_epoch=500)
        self.issuer.open_account(ACCOUNT)
        self.directory = peopled(directory(self.disks["directory"], paid=True), "alex", "blair")
        self.wallet = Wallet(self.disks["device"], SeededEntropy(b"device"))
        self.wallet.open(NOW, PURSE, at_once=True)
        self.seen_by_issuer: list[bytes] = []
        self.seen_by_directory: list[bytes] = []

    def learn(self, now_ms: int) -> None:
        redemption: Redemption = self.directory._redemption
        redemption.learn(ISSUER, read_issuer_document(self.issuer.document(now_ms)))

    def restock(self, now_ms: int) -> None:
        """Ask for a batch: the first answer of all is lost, and the device dies before it asks again."""
        self.issuer.wake(now_ms)
        self.learn(now_ms)
        keys = read_issuer_document(self.issuer.document(now_ms))
        key = next(k for k in keys if k.purpose is Purpose.QUERY and k.issues(now_ms // 1000))
        body = self.wallet.ask(now_ms, PURSE, key)
        if not self.seen_by_issuer:
            self.issuer.issue(now_ms, ACCOUNT, body)
        self.wallet = Wallet(self.disks["device"], SeededEntropy(b"device anew %d" % now_ms))
        assert self.wallet.ask(now_ms, PURSE, key) == body
        answer = self.issuer.issue(now_ms, ACCOUNT, body)
        self.seen_by_issuer += [body, answer]
        self.wallet.answered(now_ms, PURSE, answer)

    def look_up(self, now_ms: int, name: str, number: int) -> Proof:
        """Ask for a name: the first answer is lost."""
        digest = hashlib.sha256(b"%d" % number + request_digest("GET", f"/v1/names/{name}", b"")).digest()
        token = self.wallet.spend(now_ms, PURSE, digest)
        self.directory.lookup(now_ms, name, token.encode())
        again = self.wallet.spend(now_ms, PURSE, digest)
        assert again == token
        self.seen_by_directory.append(token.encode())
        answer = self.directory.lookup(now_ms, name, again.encode())
        self.wallet.settled(PURSE, digest)
        return Proof.decode(answer)


def test_a_batch_pays_for_64_queries_and_for_no_more() -> None:  # AUTH-2, TOK-17
    town = Town()
    town.restock(NOW)
    assert town.issuer.allowance(NOW, ACCOUNT)[Purpose.QUERY] == 500 - 64
    for number in range(64):
        assert town.look_up(NOW, ("alex", "blair")[number % 2], number).entry.name == ("alex", "blair")[number % 2]
    with pytest.raises(CommunicatorError):
        town.look_up(NOW, "alex", 64)
    assert len(set(town.seen_by_directory)) == 64
    at_ms = town.wallet.next_wake_ms()
    assert at_ms is not None
    assert town.wallet.due(at_ms) == (PURSE,)
    town.restock(at_ms)
    assert town.look_up(at_ms, "alex", 65)


def _pieces(data: bytes) -> set[bytes]:
    return {data[i : i + SHARED] for i in range(len(data) - SHARED + 1)}


def test_issuer_and_service_share_no_bytes_but_what_everybody_knows() -> None:  # TOK-20, KNOW-14
    town = Town()
    town.restock(NOW)
    for number in range(20):
        town.look_up(NOW, "alex", number)
    known = [challenge(ISSUER, ORIGIN), hashlib.sha256(challenge(ISSUER, ORIGIN)).digest()]
    known += [part for k in town.issuer.keys(NOW) for part in (k.key.encode(), k.key.identifier())]
    public = set().union(*map(_pieces, known))
    issuer = set().union(*map(_pieces, town.seen_by_issuer)) - public
    service = set().union(*map(_pieces, town.seen_by_directory)) - public
    assert issuer & service == set()
    kept = set().union(*map(_pieces, town.disks["issuer"].values.values())) - public
    assert kept & service == set()


def test_tokens_of_one_service_share_only_what_everybody_knows() -> None:  # TOK-8
    town = Town()
    town.restock(NOW)
    shown = [town.look_up(NOW, "alex", number) for number in range(3)]
    assert len({proof.encode() for proof in shown}) == 1
    nonces = [_pieces(t[2:34]) | _pieces(t[98:]) for t in town.seen_by_directory]
    assert not nonces[0] & nonces[1]
    assert not nonces[1] & nonces[2]


@settings(max_examples=8)
@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["alex", "blair", "dana"])), max_size=8))
def test_over_the_weeks_every_query_is_paid_by_a_token_of_its_own(walk: list[tuple[int, str]]) -> None:  # TOK-12
    town, now = Town(), NOW
    town.restock(now)
    for number, (days, name) in enumerate(walk):
        now += days * DAY
        town.wallet.wake(now)
        town.directory.wake(now)
        if town.wallet.due(now):
            town.restock(now)
        town.learn(now)
        if town.wallet.left(now, PURSE) == 0:
            town.restock(now)
        if name == "dana":
            with pytest.raises(CommunicatorError):
                town.look_up(now, name, number)
        else:
            assert town.look_up(now, name, number).entry.name == name
    assert len(set(town.seen_by_directory)) == len(town.seen_by_directory)


def test_a_token_lives_for_the_rest_of_its_epoch_and_one_more_week() -> None:  # TOK-16
    town = Town()
    town.restock(NOW)
    last = NOW + 2 * EPOCH_MS - 1000
    town.issuer.wake(last)
    town.learn(last)
    assert town.look_up(last, "alex", 1)
    assert town.wallet.left(last + 1000, PURSE) == 0
    register(town.directory, entry_of("casey"), last)
