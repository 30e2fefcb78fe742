"""Plays the tests of services against one origin, in the order of their tables.

A run goes like this:

1. read the document: without it nothing can be said, and nothing else is asked
2. play the tests of the services that it names, or of those that were asked for
3. around one restart: do everything that is to be durable, run the operator's command, and look for all of it
4. take away what was brought

Rules:

1. Ids, clauses and order are known before anything is asked; a result follows for each of them.
2. A service that dies or hangs fails the test that met it, and all that follow; nothing passes without an answer.
3. A restart command that fails is the operator's to repair: its tests fail and say so.
4. An answer that fits its interface and upsets a test all the same fails it; a run never ends in a traceback.
"""

import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from fnmatch import fnmatch
from functools import partial
from tempfile import TemporaryFile
from threading import Event, Thread
from typing import Final

import msgspec

from communicator_conformance.errors import PartnerError, TesteeError
from communicator_conformance.questions import UPSET
from communicator_conformance.services.authorization import AUTHORIZATION
from communicator_conformance.services.cases import Case, Durable, Need
from communicator_conformance.services.client import Client
from communicator_conformance.services.directory import DIRECTORY
from communicator_conformance.services.durability import DURABLE
from communicator_conformance.services.everywhere import EVERYWHERE
from communicator_conformance.services.fetching import FETCHING
from communicator_conformance.services.listening import LISTENING, listener
from communicator_conformance.services.outcomes import Failed, Skipped
from communicator_conformance.services.partner import Partner
from communicator_conformance.services.receiving import RECEIVING
from communicator_conformance.services.sending import SENDING
from communicator_conformance.services.spending import SPENDING
from communicator_conformance.services.uniform import UNIFORM
from communicator_conformance.services.world import PREFIX, Origin, World
from communicator_conformance.testee import Testee
from communicator_conformance.verdicts import Fault, Result, Status
from communicator_spec.openapi import SERVICES
from communicator_spec.parameters import PARAMETERS

__all__ = ["REACHED", "Asked", "Notes", "chosen", "plan", "play"]

REACHED: Final = "service/document"
_RESTART_S: Final = 120.0
_CASES: Final[tuple[Case, ...]] = (
    *EVERYWHERE, *RECEIVING, *FETCHING, *UNIFORM, *SENDING, *LISTENING, *DIRECTORY, *AUTHORIZATION, *SPENDING,
)  # fmt: skip


class Asked(msgspec.Struct, frozen=True):
    """What the operator gave; `accounts`: issuer → key, `""` for every issuer; `names`: name → key."""

    url: str
    kinds: tuple[str, ...] = ()
    partner_url: str = ""
    restart: str = ""
    accounts: dict[str, str] = {}
    names: dict[str, str] = {}
    select: str = "*"
    timeout_s: float = 10.0
    samples: int = 60
    listen: int = 0
    long: bool = False
    seed: int | None = None


def chosen(asked: Asked, parts: Sequence[str]) -> tuple[tuple[Case, ...], tuple[Durable, ...]]:
    """Return the tests of these services that match the selection, in order."""
    cases = sorted((case for case in _CASES if case.part in parts), key=lambda case: SERVICES.index(case.part))
    durable = sorted((case for case in DURABLE if case.part in parts), key=lambda case: SERVICES.index(case.part))
    return (
        tuple(case for case in cases if fnmatch(case.id, asked.select)),
        tuple(case for case in durable if fnmatch(case.id, asked.select)),
    )


def plan(asked: Asked) -> tuple[str, ...]:
    """Return what a run will do to the service, a sentence each."""
    parts = asked.kinds or SERVICES
    told = {
        "receiving": "registers about 50 roots and brings about 500 messages to them; revokes the roots",
        "sending": "submits about 15 messages to roots of its own, stores and deletes 10 files of 64 or 128 kB",
        "directory": f"registers entries for the names given, which begin with {PREFIX!r}; a log forgets nothing",
        "authorization": "asks for about 100 tokens of the account given",
    }
    listens = (f"listens at http://127.0.0.1:{asked.listen} for what is sent there",) if asked.listen else ()
    restart = (f"runs {asked.restart!r} once",) if asked.restart else ()
    stays = "what stays behind: entries and contacts of test names, tokens that were used, submissions until they end"
    return (*(f"{part}: {told[part]}" for part in parts), *listens, *restart, stays)


class Notes:
    """What a run learns beside its results: what was measured, and how many things it could not take away again."""

    def __init__(self) -> None:
        self.measured: tuple[dict[str, object], ...] = ()
        self.left = 0


def play(asked: Asked, program: Testee, notes: Notes | None = None) -> Iterator[Result]:
    """Play everything that was asked for; raises `PartnerError` where the partner program is of no use."""
    seed = secrets.token_bytes(32) if asked.seed is None else asked.seed.to_bytes(32)
    partner = Partner(program, seed)
    with ExitStack() as stack:
        try:
            partner.check()
            origin = _origin(asked, asked.url, partner, stack)
            other = asked.partner_url
            receiver = _origin(asked, other, partner, stack) if other and other != asked.url else origin
            there = stack.enter_context(listener(asked.listen)) if asked.listen else None
        except TesteeError as error:
            raise PartnerError(f"the partner program cannot be asked: {error}") from error
        except OSError as error:
            raise PartnerError(f"cannot listen at port {asked.listen}: {error.strerror}") from error
        except Failed as failed:
            yield Result(REACHED, Status.FAILED, fault=failed.fault, detail=failed.detail)
            return
        world = World(
            origin, receiver, asked.names, seed, asked.samples, asked.restart, listener=there, long=asked.long
        )
        yield Result(REACHED, Status.PASSED)  # and nothing is judged yet
        yield from _played(asked, world, notes or Notes())


def _origin(asked: Asked, uri: str, partner: Partner, stack: ExitStack) -> Origin:
    client = Client(uri, asked.timeout_s)
    stack.callback(client.close)
    try:
        found = Origin(client, partner, asked.accounts)
    except Failed as failed:
        hint = f"does {uri} run, and is it the origin of a service, such as https://post.example?"
        raise Failed(failed.fault, f"{failed.detail.partition(';')[0]}; {hint}") from failed
    stack.callback(found.close)
    return found


def _played(asked: Asked, world: World, notes: Notes) -> Iterator[Result]:
    cases, durable = chosen(asked, asked.kinds or tuple(part for part in SERVICES if part in world.origin.document))
    try:
        for case in cases:
            yield _result(world, case, partial(case.play, world))
        yield from _around_a_restart(world, durable)
    finally:
        notes.measured, notes.left = tuple(world.measured), world.clean()


def _result(world: World, case: Case | Durable, body: Callable[[], object]) -> Result:
    world.client.lines.clear()
    try:
        lacking = _lacking(world, case.needs)
        if lacking:
            return Result(case.id, Status.SKIPPED, case.clauses, detail=f"needs {lacking}")
        body()
    except Skipped as skipped:
        return Result(case.id, Status.SKIPPED, case.clauses, detail=str(skipped))
    except Failed as failed:
        lines = tuple(world.client.lines)
        return Result(case.id, Status.FAILED, case.clauses, failed.fault, failed.detail, lines)
    except TesteeError as error:
        raise PartnerError(f"the partner program failed in {case.id}: {error}") from error
    except UPSET as error:  # rule 4
        detail = f"an answer that cannot be read: {type(error).__name__}"
        return Result(case.id, Status.FAILED, case.clauses, Fault.GARBAGE, detail, tuple(world.client.lines))
    return Result(case.id, Status.PASSED, case.clauses)


def _lacking(world: World, needs: Need | None) -> Need | None:
    given = {
        Need.RESTART: bool(world.restart),
        Need.LONG: world.long,
        Need.LISTEN: world.listener is not None,
        Need.NAME: bool(world.names),
        Need.TWO_NAMES: len(world.names) > 1,
        Need.ACCOUNT: world.origin.has_account(),
    }
    return None if needs is None or given[needs] else needs


def _begin(case: Durable, world: World, looks: list[Callable[[], None]]) -> None:
    looks.append(case.before(world))


def _around_a_restart(world: World, durable: Sequence[Durable]) -> Iterator[Result]:
    if not world.restart:
        for case in durable:
            yield Result(case.id, Status.SKIPPED, case.clauses, detail=f"needs {Need.RESTART}")
        return
    prepared: list[tuple[Durable, Result, list[Callable[[], None]]]] = []
    for case in reversed(durable):
        looks: list[Callable[[], None]] = []
        before = _result(world, case, partial(_begin, case, world, looks))
        prepared.insert(0, (case, before, looks))
    failure = _restarted(world) if any(looks for _, _, looks in prepared) else None
    for case, before, looks in prepared:
        if before.status is not Status.PASSED:
            yield before
        elif failure is not None:
            yield Result(case.id, Status.FAILED, case.clauses, failure.fault, failure.detail)
        else:
            yield _result(world, case, looks[0])


def _restarted(world: World) -> Failed | None:
    """Run the operator's command under load, and wait until the service answers; returns why it does not."""
    over = Event()
    load = Thread(target=world.meanwhile, args=(over,))
    load.start()
    failure = _ran(world.restart)
    over.set()
    load.join()
    return failure or _answers(world)


def _ran(command: str) -> Failed | None:
    """Run the command; what it says goes to a file, because a service that it leaves running would hold a pipe."""
    null = subprocess.DEVNULL
    with TemporaryFile() as log:
        try:
            done = subprocess.run(
                command, shell=True, timeout=_RESTART_S, stdin=null, stdout=null, stderr=log, check=False
            )
        except subprocess.TimeoutExpired:
            return Failed(Fault.HUNG, f"the restart command did not end within {_RESTART_S:g} s")
        log.seek(0)
        said = log.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
    if done.returncode == 0:
        return None
    return Failed(Fault.DIED, f"the restart command ended with code {done.returncode}: {said}")


def _answers(world: World) -> Failed | None:
    until, failure = time.monotonic() + _RESTART_S, Failed(Fault.DIED, "not asked")
    while time.monotonic() < until:
        world.client.renew()
        try:
            world.client.raw("GET", PARAMETERS.service.document_path).must(200)
        except Failed as failed:
            failure = failed
            continue
        return None
    return Failed(failure.fault, f"after the restart command: {failure.detail}")
