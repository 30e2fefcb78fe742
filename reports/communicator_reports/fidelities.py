"""Fidelities by name, as values that can be sent to a worker process.

The functions of the simulation layer return closures, which do not pickle; a value that builds the closure where it is
used does. The real cores are imported only when they are asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass

from communicator_model.nodes import Nodes
from communicator_model.world import Fidelity, World
from communicator_reports.fidelity_names import FidelityName
from communicator_simulations.runs import model_fidelity
from communicator_spec import Row, Terms

__all__ = ["NamedFidelity"]


@dataclass(frozen=True, slots=True)
class NamedFidelity:
    """A fidelity, its address profile, and the seed of its cryptography."""

    name: FidelityName
    profile: str
    seed: int

    def __call__(
        self,
        providers: int,
        terms: Terms,
        reach: World,
        receipt_draw: Callable[[int, int], float],
        emit: Callable[[Row], None],
    ) -> Nodes:
        """Build the nodes of one world."""
        return self._build()(providers, terms, reach, receipt_draw, emit)

    def _build(self) -> Fidelity:
        if self.name is FidelityName.MODEL:
            return model_fidelity(self.profile)
        from communicator_simulations.real import impl_fidelity  # the whole cryptography, only for this

        return impl_fidelity(self.profile, self.seed)
