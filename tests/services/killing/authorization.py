"""Load and judge of an authorization service: accounts that take their tokens until there are no more.

What is judged: an order that was answered is answered again by the same bytes; an account gets as many tokens as it
may, not one more and not one fewer, however often the service was killed in between.
"""

import json
import time

from tests.services.asking import ENTROPY, ISSUER_KEYS, OCTETS, asked, bearer, body_of, finished, now_s
from tests.services.killing.world import Link, Loader, World

from communicator_impl.issuer_keys import IssuerKey, read_issuer_document
from communicator_impl.tokens import Purpose

BATCH = 2
ALLOWED = 24
PURPOSE = Purpose.QUERY
ORIGIN = "https://directory.example"


class Ordering(Loader):
    """One account after the other: takes all it may have."""

    def __init__(self, world: World, name: str, link: Link, accounts: list[bytes], key: IssuerKey, issuer: str) -> None:
        super().__init__(world, name, link)
        self._accounts, self._key, self._issuer = accounts, key, issuer
        self._account = accounts.pop()
        self._answered: dict[bytes, bytes] = {}
        self._earlier: list[tuple[bytes, bytes, bytes]] = []

    def step(self) -> None:
        """Order once, and an earlier order again."""
        pending = asked(self._key, self._issuer, ORIGIN, BATCH)
        body = body_of(pending)
        answer = self._order(self._account, body)
        if BATCH * len(self._answered) == ALLOWED:
            self.expect(answer == (429, b""), f"more than the allowance: {answer[0]}")
            self._next()
            return
        self.expect(answer[0] == 200, f"an order is answered {answer[0]} after {len(self._answered)}")
        if answer[0] != 200:
            self._next()
            return
        if self.chance.random() < 0.1:
            finished(pending, answer[1])
        self._answered[body] = answer[1]
        self.world.count("tokens", BATCH)
        again = self.chance.choice(list(self._answered))
        self.expect(self._order(self._account, again) == (200, self._answered[again]), "another answer to the same")

    def finish(self) -> None:
        """What was counted is what was answered, and answers repeat."""
        self._look()
        for account, body, signatures in self._earlier[-20:]:
            self.expect(self._order(account, body) == (200, signatures), "an earlier answer has changed")

    def _next(self) -> None:
        self._look()
        body = self.chance.choice(list(self._answered) or [b""])
        if body:
            self._earlier.append((self._account, body, self._answered[body]))
        self._account, self._answered = self._accounts.pop(), {}
        self.world.count("accounts")

    def _look(self) -> None:
        left = json.loads(self.link.ask("GET", "/v1/allowance", None, bearer(self._account)).body)["query"]
        counted = BATCH * len(self._answered)
        self.expect(left == ALLOWED - counted, f"{ALLOWED - left} tokens were counted and {counted} answered")

    def _order(self, account: bytes, body: bytes) -> tuple[int, bytes]:
        answer = self.link.ask("POST", "/v1/tokens", body, bearer(account) | OCTETS)
        return answer.status, answer.body if answer.status == 200 else b""


def issuing(link: Link) -> IssuerKey:
    """Return the key that issues now; a service that has just started may show it a moment later."""
    for _ in range(200):
        for key in read_issuer_document(link.ask("GET", ISSUER_KEYS).body):
            if key.purpose is PURPOSE and key.issues(now_s()):
                return key
        time.sleep(0.1)
    raise AssertionError("no key issues")


def draw_accounts(n: int) -> list[bytes]:
    """Draw access keys."""
    return [ENTROPY.draw("key", 32) for _ in range(n)]
