"""Load and judge of two services at once: a sending service, and the receiving service that it brings everything to.

What is judged: whatever a device has a ticket for is fetched by its correspondent, once, whichever of the two died how
often; and in the end every ticket says so.
"""

import json

from tests.services.issuer import Issuer
from tests.services.killing.receiving import Owning
from tests.services.killing.world import Link, World
from tests.services.owning import CBOR, body, now_s

from communicator_impl.addresses import ServiceConfig
from communicator_impl.submission import Submission

LASTS_S = 1800


class Writing(Owning):
    """An owner whose correspondents write by way of the sending service, which tries less often after each silence."""

    messages_of_a_root = 900
    patience_s = 240.0

    def __init__(
        self, world: World, name: str, link: Link, config: ServiceConfig, issuer: Issuer, origin: str, sender: Link
    ) -> None:
        super().__init__(world, name, link, config, issuer, origin)
        self._sender = sender
        self._tickets: list[str] = []

    def finish(self) -> None:
        """Everything arrived, and every ticket says so."""
        super().finish()
        told = self.eventually(lambda: all(self._state(ticket) == "forwarded" for ticket in self._tickets[-30:]), 240)
        self.expect(told, "a ticket does not say that its submission arrived")
        self._sender.close()

    def _send(self) -> None:
        self._next += 1
        text = body(self._base + self._next)
        wanted = Submission(self._config.uri, self.owner.request(self._index, text), (now_s() + LASTS_S) * 1000, 0)
        answer = self._sender.ask("POST", "/v1/submit", wanted.encode(), CBOR)
        self.expect(answer.status == 202, f"a submission is answered {answer.status} {answer.body!r}")
        self._tickets.append(json.loads(answer.body)["ticket"])
        self.ledger.sent.add(text)
        self._index += 1
        self.world.count("submitted")

    def _state(self, ticket: str) -> str:
        found: str = json.loads(self._sender.ask("GET", f"/v1/submissions/{ticket}").body)["state"]
        return found
