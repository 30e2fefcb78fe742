"""The names of the fidelities, apart from what they import, so that `--help` answers at once."""

from enum import StrEnum

__all__ = ["FidelityName"]


class FidelityName(StrEnum):
    """What plays the roles in a simulated world."""

    MODEL = "model"
    IMPL = "impl"
