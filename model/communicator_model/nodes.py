"""The population model as the nodes of a world (`communicator_spec.nodes`): no cryptography."""

from collections.abc import Callable

from communicator_model.receiving import Parcel, ReceivingService
from communicator_model.relationships import RelationshipManagers
from communicator_model.sending import SendingService
from communicator_spec import Row, Terms, peer_of
from communicator_spec.nodes import Reach

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
    ) -> None:
        self.receiving = [ReceivingService(p, window, emit, remembers_spent=remembers_spent) for p in range(providers)]
        self.sending = [SendingService(p, terms, emit) for p in range(providers)]
        self.managers = RelationshipManagers(terms, self.receiving, reach, receipt_draw, emit)

    def junk(self, service: int, draw: float) -> object:
        """Return an address that was never issued."""
        return Parcel(-1, int(draw * (1 << 30)), 0, None)

    def stray(self, holder: int, service: int, serial: int, position: int) -> object:
        """Return a parcel that resolves and does not open."""
        return Parcel(peer_of(holder), serial, position, None)
