"""One run of chaos: starts everything, lets the plan happen, lets everything come to rest, and has it judged.

Theory. A run has two phases. In the first, people write and decide while the plan's faults meet them; a kill is an
order to die at a crash point, given to a process that passes it, and prefers what was taken least often so far. In the
second nothing is harmed any more and time runs faster, until nobody has anything left to do; only then can be said what
was lost. ::

    start ─▶ load and faults ─▶ calm ─▶ at rest ─▶ all killed ─▶ logs, stores and records judged

Rules:

1. What dies is started again at once, on what it left. Who ends by itself, without a reason of the plan, is a finding.
2. A fault counts when it was seen: a process that died at its point, a request that met the relay's fault, a write that
   found no room. What could not act is tried again for as long as the load lasts, and makes the run invalid in the end.
3. Whatever happens, all processes of the run are gone when it is over, and nobody else's is touched.
"""

import os
import random
import signal
import socket
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

import msgspec

from communicator_impl import wire
from communicator_impl.addresses import Profile
from communicator_impl.pace import VARIABLE, Pace
from communicator_simulations.chaos import harm, judging
from communicator_simulations.chaos.certificate import certificate_for
from communicator_simulations.chaos.child import Start, environment
from communicator_simulations.chaos.connections import Fault as Trouble
from communicator_simulations.chaos.connections import Relay
from communicator_simulations.chaos.connections import Trouble as Troubled
from communicator_simulations.chaos.ledger import Ledger, Order
from communicator_simulations.chaos.plan import OPERATORS, Fault, Kind, planned
from communicator_simulations.chaos.planted import BUGS, reached_line
from communicator_simulations.chaos.points import PHASES, excuse, is_rare, scan
from communicator_simulations.chaos.postgres import Postgres
from communicator_simulations.chaos.stage import Nursery, Process, held_port
from communicator_simulations.chaos.talker import Bond, Part, Status, read_status
from communicator_spec.parameters import PARAMETERS

__all__ = ["Outcome", "Wish", "run"]

_HOST: Final = "127.0.0.1"
_TRUSTED: Final = "SSL_CERT_FILE"
"""What clients and services trust, in place of what the system does."""
_TICK_S: Final = 0.01
_ORDER_S: Final = 3.0
_CALM_PACE: Final = 6000
_REST_S: Final = 2.0
_OVERTIME: Final = 1.0
_NS: Final = 1_000_000_000
_NO_ROOM: Final = 503
_FULL_S: Final = 2.0
_THROWN: Final = "client.post:Post.hand_over:1"
_TRY_S: Final = 0.3
_SEALED_BYTES: Final = 2865
_JUNK: Final = wire.encode({0: PARAMETERS.envelope.version, 1: int(Profile.LABEL), 2: bytes(_SEALED_BYTES)})
"""A request that a service stores before it looks what it is."""


class Wish(msgspec.Struct, frozen=True):
    """What somebody wants to be run; `database`: `sqlite`, `postgresql` (a private one) or the URL of a server."""

    people: int = 10
    minutes: float = 5.0
    seed: int = 1
    kills: int = 300
    database: str = "sqlite"
    plant: str = ""
    faults: bool = True
    calm_s: float = 120.0


class Outcome(msgspec.Struct, frozen=True):
    """What came out: kills by point and phase, passes by point, faults by kind, and the verdict."""

    wish: Wish
    kills: dict[str, int]
    passes: dict[str, int]
    missed: tuple[str, ...]
    stale: tuple[str, ...]
    fired: dict[str, int]
    planned: dict[str, int]
    starts: dict[str, int]
    endings: tuple[str, ...]
    at_rest: bool
    verdict: judging.Verdict
    load_s: float
    took_s: float
    reached: bool = True

    @property
    def killed(self) -> int:
        """How many processes were killed."""
        return sum(self.kills.values()) + self.fired.get(Kind.KILL_ANYWHERE, 0)

    @property
    def unfired(self) -> tuple[str, ...]:
        """The kinds of faults that were planned and not seen."""
        return tuple(sorted(kind for kind in self.planned if not self.fired.get(kind)))

    @property
    def violations(self) -> tuple[str, ...]:
        """Everything that must not be."""
        late = () if self.at_rest else ("the run did not come to rest",)
        return (*self.verdict.violations, *self.endings, *late)


def run(wish: Wish, folder: Path, tell: Callable[[str], None] = lambda _: None) -> Outcome:
    """Run one chaos in a folder, which keeps all logs and stores; `tell` hears how far it is."""
    with ExitStack() as stack:
        return _Run(wish, folder, stack, tell).all()


class _Run:
    def __init__(self, wish: Wish, folder: Path, stack: ExitStack, tell: Callable[[str], None]) -> None:
        self._wish, self._folder, self._tell = wish, folder, tell
        folder.mkdir(parents=True, exist_ok=True)
        self._chance = random.Random(f"{wish.seed} run")
        certificate = certificate_for(_HOST, folder)
        self._relay = stack.enter_context(Relay(wish.seed, certificate))
        self._ports = [stack.enter_context(held_port()) for _ in range(OPERATORS)]
        self._public = [self._relay.open(_port(held)) for held in self._ports]
        self._uris = tuple(map(self._relay.uri, self._public))
        self._databases = self._made_databases(stack)
        self._bug = BUGS[wish.plant] if wish.plant else None
        self._plan = planned(
            wish.people, wish.minutes, wish.seed, wish.kills, faults=wish.faults, uris=self._uris, bug=self._bug
        )
        (folder / "plan.json").write_bytes(msgspec.json.format(msgspec.json.encode(self._plan)))
        self._points = scan()
        rows = wish.people + 2 * OPERATORS
        self._ledger = Ledger(folder / "ledger", rows, len(self._points))
        self._pace = Pace(self._plan.pace, time.time_ns())
        self._skews: dict[str, int] = {}
        self._nursery = stack.enter_context(Nursery({_TRUSTED: str(certificate.certificate)}, folder / "nursery.log"))
        self._kills: Counter[tuple[int, int]] = Counter()
        self._tries: Counter[tuple[int, int]] = Counter()
        self._fired: Counter[str] = Counter()
        self._endings: list[str] = []
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._ordered_s: dict[int, float] = {}
        self._dying: set[int] = set()
        self._troubles: defaultdict[int, list[Troubled]] = defaultdict(list)
        self._wanted: list[str] = []
        self._passed_before: dict[int, list[int]] = {}
        self._passed_now: dict[int, list[int]] = {}
        self._passed_s: dict[int, float] = {}
        self._full: dict[str, float] = {}
        self._parts = self._made_parts()
        self._people = [
            Process(f"person {n}", "person", n, self._nursery, partial(self._person, n)) for n in range(wish.people)
        ]
        self._services = [
            Process(f"service {n}", "service", n, self._nursery, partial(self._service, n)) for n in range(OPERATORS)
        ]

    # ---------------------------------------------------------------- what is started

    def _made_databases(self, stack: ExitStack) -> list[str]:
        if self._wish.database == "sqlite":
            return [f"sqlite:///{self._folder}/service-{n}.sqlite3" for n in range(OPERATORS)]
        server = stack.enter_context(Postgres())
        return [server.create(f"service_{n}") for n in range(OPERATORS)]

    def _made_parts(self) -> list[Part]:
        plan, links = self._plan, self._folder / "links"
        links.mkdir(exist_ok=True)
        found, began_s = [], time.time()
        for person in range(plan.people):
            place = self._folder / f"person-{person}"
            place.mkdir(exist_ok=True)
            bonds = tuple(Bond(end, f"peer of {end}", str(links / str(end // 2))) for end in plan.ends_of(person))
            services = tuple(self._uris[n] for n in plan.receiving[person])
            senders = tuple(self._uris[n] for n in plan.senders[person])
            over = str(self._folder / "over")
            part = Part(person, str(place), services, senders, bonds, plan.steps[person], began_s, over)
            (place / "part.json").write_bytes(msgspec.json.encode(part))
            found.append(part)
        return found

    def _paced(self, name: str) -> dict[str, str]:
        skewed = self._pace._replace(ahead_ns=self._pace.ahead_ns + self._skews.get(name, 0) * _NS)
        return {VARIABLE: skewed.text()}

    def _person(self, which: int) -> Start:
        place = self._folder / f"person-{which}"
        log, ledger = str(place / "log"), str(self._folder / "ledger")
        return Start(
            self._paced(f"person {which}"), log, ledger, which, person=str(place / "part.json"), plant=self._wish.plant
        )

    def _service(self, which: int) -> Start:
        settings = {
            "SERVICE_RUN": "both",
            "SERVICE_URI": self._uris[which],
            "SERVICE_LISTEN_PORT": str(_port(self._ports[which])),
            "SERVICE_OPERATOR": f"operator {which}",
            "SERVICE_ADDRESS_PER_S": "100000",
            "SERVICE_ADDRESS_BURST": "100000",
            "SERVICE_EVENT_LOG": "true",
            "DATABASE_URL": self._databases[which],
            "SENDING_ATTEMPT_S": "5",
        }
        log = str(self._folder / f"service-{which}.log")
        row = self._wish.people + which
        named = environment(settings) | self._paced(f"service {which}")
        return Start(named, log, str(self._folder / "ledger"), row, row + OPERATORS, plant=self._wish.plant)

    # ---------------------------------------------------------------- phases

    def all(self) -> Outcome:
        """Run both phases and judge."""
        began = time.monotonic()
        try:
            for process in (*self._services, *self._people):
                process.start()
            load_s = self._load(began)
            at_rest = self._calm()
        finally:
            for process in (*self._people, *self._services):
                process.kill()
        self._tell("judging")
        names = {f"operator {n}": url for n, url in enumerate(self._databases)}
        verdict = judging.judged(self._parts, names, dropped=self._dropped(), settled=at_rest)
        return self._outcome(verdict, at_rest, load_s, time.monotonic() - began)

    def _load(self, began: float) -> float:
        """Let the plan's faults happen, each when it is due; returns how long that took."""
        due = list(self._plan.faults)
        end_s = self._plan.seconds * (1 + _OVERTIME)
        while True:
            now_s = time.monotonic() - began
            while due and due[0].at_s <= now_s:
                fault = due.pop(0)
                self._wanted.append(fault.role) if fault.kind is Kind.KILL else self._harm(fault)
            self._tend()
            self._wanted = [role for role in self._wanted if not self._ordered_to_die(role)]
            is_over = not due and not self._wanted and not self._ordered_s and now_s >= self._plan.seconds
            if is_over or now_s >= end_s:
                return now_s
            done = sum(self._kills.values())
            self._tell(f"{now_s:.0f} s, {done} of {self._wish.kills} kills, {sum(self._fired.values())} other faults")
            time.sleep(_TICK_S)

    def _calm(self) -> bool:
        """Let everything come to rest, with clocks that run faster; False if it does not."""
        (self._folder / "over").touch()
        self._relay.calm()
        for process in (*self._people, *self._services):
            process.send(signal.SIGCONT)
        self._later.clear()
        for process in (*self._people, *self._services):
            self._order(process, None)
            process.kill()
        now_ns = time.time_ns()
        self._pace = Pace(_CALM_PACE, now_ns, self._pace.of(now_ns) - now_ns)
        self._skews.clear()
        for process in (*self._services, *self._people):
            process.start()
        until, still = time.monotonic() + self._wish.calm_s, time.monotonic()
        while time.monotonic() < until:
            self._tend()
            states = self._states()
            over = {end for status in states for end in status.over}
            busy = sum(not status.is_settled(over) or status.at_s < time.time() - _REST_S for status in states)
            still = time.monotonic() if busy else still
            if time.monotonic() - still > _REST_S:
                return True
            self._tell(f"calm: {busy} people have something left")
            time.sleep(0.1)
        return False

    def _states(self) -> list[Status]:
        return [read_status(Path(part.folder)) for part in self._parts]

    # ---------------------------------------------------------------- tending

    def _tend(self) -> None:
        """Start what has died again, see what became of orders, and do what was put off."""
        for process in (*self._services, *self._people):
            if not process.lives:
                self._died(process)
                process.start()
        for row in list(self._ordered_s):
            self._look_at(row)
        now = time.monotonic()
        for at_s, what in [one for one in self._later if one[0] <= now]:
            self._later.remove((at_s, what))
            what()

    def _died(self, process: Process) -> None:
        row = self._row(process)
        self._look_at(row)
        if row in self._dying:
            self._dying.remove(row)
            return
        if self._full.pop(process.name, 0.0) > time.monotonic() - _FULL_S:
            self._fired[Kind.FULL] += 1
            self._fired["full person"] += 1
            return
        log = Path(self._person(process.which).log if process.role == "person" else self._service(process.which).log)
        last = log.read_text("utf-8", "replace").strip().splitlines()[-1:] if log.exists() else []
        self._endings.append(f"{process.name} ended by itself: {''.join(last)[-300:]}")

    def _look_at(self, row: int) -> None:
        """See whether a process died as it was ordered; an order that was not met for a while is taken back."""
        died, ordered = self._ledger.death(row), self._ledger.ordered(row)
        if died is not None:
            self._kills[died] += 1
            self._ledger.order(row, None)
            self._ordered_s.pop(row, None)
            if row < self._wish.people + OPERATORS:
                self._dying.add(row)
            return
        if ordered is not None and time.monotonic() - self._ordered_s.get(row, 0.0) > _ORDER_S:
            self._tries[ordered.point, ordered.phase] += 1
            self._ledger.order(row, None)
            if not self._give(row):
                self._wanted.append(_role_of(row, self._wish.people))

    # ---------------------------------------------------------------- kills

    def _row(self, process: Process) -> int:
        return process.which if process.role == "person" else self._wish.people + process.which

    def _ordered_to_die(self, role: str) -> bool:
        """Give an order to one of a kind that has none; False if all have one, or nothing happens there."""
        count = self._wish.people if role == "person" else OPERATORS
        base = {"person": 0, "service": self._wish.people, "resolver": self._wish.people + OPERATORS}[role]
        for row in self._chance.sample(range(base, base + count), count):
            if row not in self._ordered_s and self._give(row):
                return True
        return False

    def _give(self, row: int) -> bool:
        """Order a process to die at the point that was taken least often among those that its kind passes."""
        places = self._places(row)
        if not places:
            self._ordered_s.pop(row, None)
            return False
        least = min(self._weight(place) for place in places)
        point, phase = self._chance.choice([place for place in places if self._weight(place) == least])
        self._ledger.order(row, Order(point, phase, self._chance.choice((0, 0, 0, 1, 2))))
        self._ordered_s[row] = time.monotonic()
        return True

    def _weight(self, place: tuple[int, int]) -> float:
        return self._kills[place] + 0.7 * self._tries[place]

    def _places(self, row: int) -> list[tuple[int, int]]:
        people = self._wish.people
        rows = range(people) if row < people else range(people, people + OPERATORS)
        if row >= people + OPERATORS:
            rows = range(people + OPERATORS, people + 2 * OPERATORS)
        passed = [sum(column) for column in zip(*map(self._ledger.passes, rows), strict=True)]
        before = self._passed_before.get(rows.start, [0] * len(passed))
        if time.monotonic() - self._passed_s.get(rows.start, 0.0) > _ORDER_S:
            self._passed_before[rows.start], self._passed_s[rows.start] = (
                self._passed_now.get(rows.start, before),
                time.monotonic(),
            )
            self._passed_now[rows.start] = passed
            before = self._passed_before[rows.start]
        found = [(n // 2, n % 2) for n, count in enumerate(passed) if count > before[n]]
        if self._bug is not None:
            exposing = [
                (n, phase) for n, phase in found if f"{self._points[n].name} {PHASES[phase]}" in self._bug.kills
            ]
            return exposing or found
        return found

    def _order(self, process: Process, order: Order | None) -> None:
        self._ledger.order(self._row(process), order)
        if process.role == "service":
            self._ledger.order(self._row(process) + OPERATORS, None)
        self._ordered_s.clear()

    # ---------------------------------------------------------------- other faults

    def _harm(self, fault: Fault) -> None:
        process = (self._people if fault.role == "person" else self._services)[fault.which]
        if not process.lives or time.monotonic() - process.started_s < _TRY_S:
            self._put_off(_TRY_S, partial(self._harm, fault))
            return
        match fault.kind:
            case Kind.KILL_ANYWHERE:
                victims = process.children() if fault.role == "resolver" else []
                for victim in victims:
                    _kill(victim)
                if not victims:
                    self._kill(process)
                self._seen(fault)
            case Kind.PAUSE:
                stopped = harm.pause(process.pid) if process.lives else []
                self._put_off(fault.for_s, partial(harm.go_on, stopped))
                if stopped:
                    self._seen(fault)
            case Kind.FULL:
                self._fill(process, fault)
            case Kind.SKEW:
                self._skews[process.name] = int(fault.amount)
                self._kill(process)
                self._seen(fault)
            case Kind.TROUBLE:
                self._trouble(fault)

    def _trouble(self, fault: Fault) -> None:
        """Let something happen on the way to one operator, for a while, and for longer if nothing met it."""
        port, (how, _, path) = self._public[fault.which], fault.how.partition(" ")
        trouble, active = Troubled(Trouble(how), fault.amount, path or "/v1/", 0.5), self._troubles[port]
        active.append(trouble)
        self._relay.trouble(port, *active)

        def end() -> None:
            if not self._relay.fired[Trouble(how)]:
                self._put_off(fault.for_s, end)
                return
            active.remove(trouble)
            self._relay.trouble(port, *active)

        self._put_off(fault.for_s, end)

    def _put_off(self, for_s: float, what: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + for_s, what))

    def _fill(self, process: Process, fault: Fault) -> None:
        """Leave a process no room; a service that cannot write does not take a request, a device says so and ends."""
        if process.role == "service" and self._wish.database != "sqlite":
            process = self._people[fault.which]
        harm.fill(process.pid)
        if process.role == "service":
            self._put_off(_TRY_S, partial(self._look_for_room, process, fault))
        else:
            self._full[process.name] = time.monotonic() + fault.for_s
        self._put_off(fault.for_s, partial(self._free, process, process.pid, fault))

    def _free(self, process: Process, pid: int, fault: Fault) -> None:
        if process.lives and process.pid == pid:
            harm.free(pid)
        if not self._fired[f"full {process.role}"]:
            self._harm(fault)

    def _look_for_room(self, process: Process, fault: Fault, tries: int = 4) -> None:
        connection = HTTPConnection("127.0.0.1", _port(self._ports[process.which]), timeout=3)
        try:
            connection.request("POST", "/v1/accept", _JUNK, {"content-type": "application/cbor"})
            if connection.getresponse().status == _NO_ROOM:
                self._seen(fault)
                self._fired["full service"] += 1
                return
        except (OSError, HTTPException):
            pass
        finally:
            connection.close()
        if tries:
            self._put_off(_TRY_S, partial(self._look_for_room, process, fault, tries - 1))

    def _seen(self, fault: Fault) -> None:
        self._fired[fault.kind] += 1

    def _kill(self, process: Process) -> None:
        """End a process, which is then not one that ended by itself."""
        process.kill()
        self._dying.add(self._row(process))

    # ---------------------------------------------------------------- what came out

    def _outcome(self, verdict: judging.Verdict, at_rest: bool, load_s: float, took_s: float) -> Outcome:
        rows = range(self._wish.people + 2 * OPERATORS)
        passed = [sum(column) for column in zip(*map(self._ledger.passes, rows), strict=True)]
        names = [point.name for point in self._points]
        kills = {f"{names[n]} {PHASES[phase]}": count for (n, phase), count in sorted(self._kills.items())}
        of = self._wish.database
        due = [(p, passed[2 * n]) for n, p in enumerate(self._points) if not is_rare(p)]
        missed = [point.name for point, count in due if not count and not excuse(point, of)]
        stale = [point.name for point, count in due if count and excuse(point, of)]
        wanted = Counter(
            f.kind.value if f.kind is not Kind.TROUBLE else f.how.partition(" ")[0] for f in self._plan.faults
        )
        fired = dict(self._fired) | {f.value: n for f, n in self._relay.fired.items()}
        fired[Kind.KILL.value] = sum(self._kills.values())
        return Outcome(
            self._wish,
            kills,
            {name: passed[2 * n] for n, name in enumerate(names)},
            tuple(missed),
            tuple(stale),
            fired,
            dict(wanted),
            {role: sum(p.starts for p in found) for role, found in self._by_role()},
            tuple(self._endings),
            at_rest,
            verdict,
            load_s,
            took_s,
            self._is_reached(),
        )

    def _is_reached(self) -> bool:
        """Tell whether the planted bug was reached, if there is one."""
        logs = (*self._folder.glob("*.log"), *self._folder.glob("person-*/log"))
        line = reached_line(self._wish.plant)
        return not self._wish.plant or any(line in log.read_text("utf-8", "replace") for log in logs)

    def _dropped(self) -> int:
        """Return how many parcels devices threw away because their time was over."""
        thrown = [n for n, point in enumerate(self._points) if point.name == _THROWN]
        return sum(self._ledger.passes(row)[2 * n] for n in thrown for row in range(self._wish.people))

    def _by_role(self) -> Iterator[tuple[str, list[Process]]]:
        yield "person", self._people
        yield "service", self._services


def _role_of(row: int, people: int) -> str:
    return "person" if row < people else "service" if row < people + OPERATORS else "resolver"


def _port(held: socket.socket) -> int:
    port: int = held.getsockname()[1]
    return port


def _kill(process: int) -> None:
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)
