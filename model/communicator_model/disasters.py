"""What befalls services beside the one fault under study: crashes and repairs, regions, deaths, restored databases.

Each is a process of the world's clock, and says what happens in the world's own words (`Stage`), so that every world
and every fidelity goes through the same.

Rules:

1. Draws depend on the name of an entry and the service: an entry that is added moves no other.
2. What is dead stays dead: nothing crashes it, and no backup brings it back.
3. `fired` counts, by the entry's name, how often it came to pass; and of backups what they changed: what a sending
   service tries again, ends that a receiving service does not know any more, and ends to which it shows something.
"""

from collections.abc import Generator, Iterator
from typing import Final, Protocol

import simpy

from communicator_model.draws import stream
from communicator_model.services import Failing, Services, Strike, StrikeKind

__all__ = ["Stage", "disasters", "expected"]

_TURNS: Final = 1 << 30

Steps = Generator[simpy.Event, object, None]


class Stage(Protocol):
    """The world, as far as disasters need it. A service is named by its number (`services`)."""

    fired: dict[str, int]

    def is_dead(self, provider: int) -> bool:
        """Tell whether a provider is gone for good."""

    def crash(self, service: int) -> None:
        """Make a service unreachable."""

    def recover(self, service: int) -> None:
        """Make it reachable again, unless something else keeps it down."""

    def keep(self, service: int) -> None:
        """Make a backup of what it stores now."""

    def restore(self, service: int, age_ms: int) -> None:
        """Bring it back with what was kept `age_ms` before it went."""

    def perish(self, provider: int, turn: int) -> None:
        """Let a provider die, and its people react; `turn` tells their decisions apart from others."""


def expected(services: Services) -> list[str]:
    """Return the names under which `fired` counts what is to come, in order."""
    names = [failing.name for failing in services.failing] + [strike.name for strike in services.strikes]
    restores = any(strike.kind is StrikeKind.RESTORED for strike in services.strikes)
    return [*names, *(("queued-again", "forgotten", "shown-again") if restores else ())]


def disasters(stage: Stage, env: simpy.Environment, services: Services, seed: int) -> Iterator[Steps]:
    """Return one process for each thing that is to happen."""
    for failing in services.failing:
        groups = [failing.services] if failing.together else [(service,) for service in failing.services]
        for group in groups:
            yield _failing(stage, env, failing, group, seed)
    for turn, strike in enumerate(services.strikes, 1):
        yield _striking(stage, env, strike, turn)


def _alive(stage: Stage, services: tuple[int, ...]) -> list[int]:
    return [service for service in services if not stage.is_dead(service // 2)]


def _failing(stage: Stage, env: simpy.Environment, failing: Failing, group: tuple[int, ...], seed: int) -> Steps:
    """Crash and repair a group, again and again."""
    draw, entity = stream(seed, f"failing {failing.name}"), group[0]
    for turn in range(_TURNS):
        yield env.timeout(int(failing.up.draw(draw(entity, 2 * turn))))
        struck = _alive(stage, group)
        if not struck:
            return
        stage.fired[failing.name] += 1
        for service in struck:
            stage.crash(service)
        yield env.timeout(int(failing.down.draw(draw(entity, 2 * turn + 1))))
        for service in struck:
            stage.recover(service)


def _striking(stage: Stage, env: simpy.Environment, strike: Strike, turn: int) -> Steps:
    """Do what happens once."""
    backed_up: list[int] = []
    if strike.kind is StrikeKind.RESTORED:
        yield env.timeout(strike.at_ms - strike.age_ms)
        backed_up = _alive(stage, strike.services)
        for service in backed_up:
            stage.keep(service)
        yield env.timeout(strike.age_ms)
    else:
        yield env.timeout(strike.at_ms)
    struck = _alive(stage, strike.services)
    stage.fired[strike.name] += len(struck)
    if strike.kind is StrikeKind.DEATH:
        for provider in sorted({service // 2 for service in struck}):
            stage.perish(provider, turn)
        return
    for service in struck:
        stage.crash(service)
    yield env.timeout(strike.lasts_ms)
    for service in struck:
        if service in backed_up and not stage.is_dead(service // 2):
            stage.restore(service, strike.age_ms)
        stage.recover(service)
