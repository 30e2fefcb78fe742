"""The population model as the nodes of a world (`communicator_spec.nodes`): no cryptography."""

from collections.abc import Callable, Mapping

from communicator_model.backups import BackedUpService
from communicator_model.mixture import MixedManagers
from communicator_model.receiving import Parcel, ReceivingService
from communicator_model.relationships import RelationshipManagers
from communicator_model.sending import SendingService
from communicator_spec import Row, Terms, peer_of
from communicator_spec.nodes import Outcome, Reach, Restored

__all__ = ["ModelNodes"]


class ModelNodes:
    """The population model: no cryptography."""

    def __init__(
        self,
        providers: int,
        window: int,
        remembers_spent: bool,
        terms: Terms,
        reach: Reach,
        receipt_draw: Callable[[int, int], float],
        emit: Callable[[Row], None],
        others: Mapping[int, Terms] | None = None,
    ) -> None:
        """`others`: the terms of people who are not on the usual ones."""
        self.receiving = [ReceivingService(p, window, emit, remembers_spent=remembers_spent) for p in range(providers)]
        self.sending = [SendingService(p, terms, emit) for p in range(providers)]
        if others:
            self.managers: RelationshipManagers = MixedManagers(
                terms, others, self.receiving, reach, receipt_draw, emit
            )
        else:
            self.managers = RelationshipManagers(terms, self.receiving, reach, receipt_draw, emit)

    def junk(self, service: int, draw: float) -> object:
        """Return an address that was never issued."""
        return Parcel(-1, int(draw * (1 << 30)), 0, None)

    def stray(self, holder: int, service: int, serial: int, position: int) -> object:
        """Return a parcel that resolves and does not open."""
        return Parcel(peer_of(holder), serial, position, None)

    def turned_away(self, now_ms: int, via: int, ticket: int, draw: float, retry_after_ms: int) -> Outcome:
        """Tell a sending service that a receiving service has too much to do."""
        return self.sending[via].turned_away(now_ms, ticket, draw, retry_after_ms)

    def keep(self, service: int) -> None:
        """Make a backup."""
        provider, is_sending = divmod(service, 2)
        if is_sending:
            self.sending[provider].keep()
        else:
            self.receiving[provider] = BackedUpService(self.receiving[provider])

    def restore(self, service: int) -> Restored:
        """Restore the backup."""
        provider, is_sending = divmod(service, 2)
        core = self.sending[provider] if is_sending else self.receiving[provider]
        assert isinstance(core, SendingService | BackedUpService), "a backup was made"
        return core.restore()

    def register(self, now_ms: int, end_id: int, service: int) -> None:
        """Register everything once more at a service that knows nothing of it."""
        end, core = self.managers.kept(end_id), self.receiving[service]
        if not end.ended and isinstance(core, BackedUpService):
            core.register(end_id, [grant for grant in end.mine if grant.service == service])
