"""Who takes part in a run: the operators' services, the people, where each keeps its things, and how each is started.

Rules:

1. Everybody knows a service by its address at the relay; the service listens at a port that is held for it.
2. A process is started each time with the clock that it has then: that of the run, or one that is off.
"""

import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from communicator_impl.pace import VARIABLE, Pace
from communicator_simulations.chaos.certificate import Certificate
from communicator_simulations.chaos.child import Start, environment
from communicator_simulations.chaos.connections import Relay
from communicator_simulations.chaos.ledger import Ledger
from communicator_simulations.chaos.outcome import Wish
from communicator_simulations.chaos.plan import OPERATORS, planned
from communicator_simulations.chaos.planted import BUGS
from communicator_simulations.chaos.points import scan
from communicator_simulations.chaos.postgres import Existing, Postgres
from communicator_simulations.chaos.stage import Nursery, Process, held_port
from communicator_simulations.chaos.talker import Bond, Part

__all__ = ["Cast"]

_TRUSTED: Final = "SSL_CERT_FILE"
"""What clients and services trust, in place of what the system does."""
_CALM_PACE: Final = 6000
_NS: Final = 1_000_000_000


class Cast:
    """All processes of a run; `skews` are the seconds by which the clocks of some are off, by name."""

    def __init__(self, wish: Wish, folder: Path, stack: ExitStack, relay: Relay, certificate: Certificate) -> None:
        self._wish, self._folder = wish, folder
        self._held = [stack.enter_context(held_port()) for _ in range(OPERATORS)]
        self.addresses = [relay.open(self.port(n)) for n in range(OPERATORS)]
        self._uris = tuple(map(relay.uri, self.addresses))
        self.databases = self._made_databases(stack)
        bug = BUGS[wish.plant] if wish.plant else None
        self.plan = planned(
            wish.people, wish.minutes, wish.seed, wish.kills, faults=wish.faults, uris=self._uris, bug=bug
        )
        (folder / "plan.json").write_bytes(msgspec.json.format(msgspec.json.encode(self.plan)))
        self.ledger = Ledger(folder / "ledger", wish.people + 2 * OPERATORS, len(scan()))
        self._pace = Pace(self.plan.pace, time.time_ns())
        self.skews: dict[str, int] = {}
        self.parts = self._made_parts()
        nursery = stack.enter_context(Nursery({_TRUSTED: str(certificate.certificate)}, folder / "nursery.log"))
        self.people = [
            Process(f"person {n}", "person", n, nursery, partial(self._person, n)) for n in range(wish.people)
        ]
        self.services = [
            Process(f"service {n}", "service", n, nursery, partial(self._service, n)) for n in range(OPERATORS)
        ]

    def everybody(self) -> tuple[Process, ...]:
        """Return all processes, services first."""
        return (*self.services, *self.people)

    def row(self, process: Process) -> int:
        """Return the row of a process in the ledger."""
        return process.which if process.role == "person" else self._wish.people + process.which

    def port(self, operator: int) -> int:
        """Return where a service listens itself."""
        port: int = self._held[operator].getsockname()[1]
        return port

    def log(self, process: Process) -> Path:
        """Return where a process writes what it has to say."""
        name = f"person-{process.which}/log" if process.role == "person" else f"service-{process.which}.log"
        return self._folder / name

    def hasten(self) -> None:
        """Let all clocks run faster, and none be off, from the next start on."""
        now_ns = time.time_ns()
        self._pace = Pace(_CALM_PACE, now_ns, self._pace.of(now_ns) - now_ns)
        self.skews.clear()

    # ---------------------------------------------------------------- what they are given

    def _made_databases(self, stack: ExitStack) -> list[str]:
        if self._wish.database == "sqlite":
            return [f"sqlite:///{self._folder}/service-{n}.sqlite3" for n in range(OPERATORS)]
        server: Existing | Postgres = Existing(self._wish.server) if self._wish.server else Postgres()
        stack.enter_context(server)
        return [server.create(f"service_{n}") for n in range(OPERATORS)]

    def _made_parts(self) -> list[Part]:
        plan, links = self.plan, self._folder / "links"
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

    # ---------------------------------------------------------------- how they are started

    def _paced(self, name: str) -> dict[str, str]:
        skewed = self._pace._replace(ahead_ns=self._pace.ahead_ns + self.skews.get(name, 0) * _NS)
        return {VARIABLE: skewed.text()}

    def _start(self, process: Process, settings: dict[str, str], helper_row: int = -1, person: str = "") -> Start:
        named, row = settings | self._paced(process.name), self.row(process)
        log, ledger = str(self.log(process)), str(self._folder / "ledger")
        return Start(named, log, ledger, row, helper_row, person=person, plant=self._wish.plant)

    def _person(self, which: int) -> Start:
        return self._start(self.people[which], {}, person=str(self._folder / f"person-{which}" / "part.json"))

    def _service(self, which: int) -> Start:
        settings = {
            "SERVICE_RUN": "both",
            "SERVICE_URI": self._uris[which],
            "SERVICE_LISTEN_PORT": str(self.port(which)),
            "SERVICE_OPERATOR": f"operator {which}",
            "SERVICE_ADDRESS_PER_S": "100000",
            "SERVICE_ADDRESS_BURST": "100000",
            "SERVICE_EVENT_LOG": "true",
            "DATABASE_URL": self.databases[which],
            "SENDING_ATTEMPT_S": "5",
        }
        helper_row = self._wish.people + OPERATORS + which
        return self._start(self.services[which], environment(settings), helper_row)
