"""What goes wrong in a run: one provider's fault, and the weather around it.

Faults are data. A run's conditions name them in full, so that a failing run can be told in one line, and the same
fault strikes the same provider at the same instant under every policy.
"""

from enum import StrEnum

import msgspec

from communicator_model.services import CALM, Services

__all__ = ["Conditions", "Fault", "FaultKind", "Weather"]


class FaultKind(StrEnum):
    """What happens to the provider under study."""

    NONE = "none"
    SUNSET = "sunset"  # announced: its users leave it, and it closes after the notice period
    DEATH = "death"  # gone without warning, with everything it stored
    OUTAGE = "outage"  # unreachable for a while; what it stored is kept


class Fault(msgspec.Struct, frozen=True):
    """One provider's fault. Both its services are concerned."""

    kind: FaultKind
    provider: int
    at_ms: int
    outage_ms: int
    notice_ms: int
    reaction_mean_ms: int
    reaction_max_ms: int


class Weather(msgspec.Struct, frozen=True):
    """What is always there: a network with delay and loss, short outages, strangers, people who fall out."""

    delay_min_ms: int
    delay_mean_ms: int
    loss: float
    push_ms: int
    fetch_spread_ms: int
    outage_every_ms: int  # mean time between short outages of one service; 0: none
    outage_mean_ms: int
    stranger_every_ms: int  # mean time between submissions by strangers; 0: none
    refusal_share: float  # of relationships that one side ends
    refusal_mean_ms: int


class Conditions(msgspec.Struct, frozen=True):
    """Everything that decides a run besides the people and the policy."""

    seed: int
    fault: Fault
    weather: Weather
    horizon_ms: int
    services: Services = CALM
