"""The stage of a demonstration: a folder, services of operators, two people, and what they wrote to each other.

Theory. The standard's receipts take minutes and its addresses live for days, so the clocks of all processes go faster
(`communicator_impl.pace`) and no term is changed. What each place saw is in its event log, and nothing else is asked.

Rules:

1. What was written is remembered here, apart from all programs: in the end it is compared with what was read.
2. Whatever happens, `close` leaves no process and no file, unless somebody wanted the folder.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from communicator_impl import pace
from communicator_reports.demo.programs import Person, Program, Service, eventually, free_ports
from communicator_reports.demo.relay import Relay

__all__ = ["DAY_S", "NEWCOMER", "OPERATORS", "ROLES", "Stage"]

ROLES: Final = ("sending", "receiving", "directory", "authorization")
OPERATORS: Final = ("North", "South")
NEWCOMER: Final = "West"
DAY_S: Final = 86_400
_NAMES: Final = ("Ann", "Ben")
_ORDER: Final = (*_NAMES, *ROLES)
_MS: Final = 1000
_PAIRS_FROM: Final = 2000


class Stage:
    """Everything that runs; `faults` names for a role the function that breaks its services (`beginning`)."""

    def __init__(self, folder: Path, times: int, faults: Mapping[str, str]) -> None:
        self.folder, self.times = folder, times
        os.environ[pace.VARIABLE] = f"{times}@{time.time_ns() // 1_000_000}"  # before the first process is started
        self._opened_ms = pace.now_ms()
        ports = iter(free_ports(2 * len(ROLES) + 1 + len(OPERATORS)))
        self._services: dict[tuple[str, str], Service] = {}
        self._relays: dict[str, Relay] = {}
        for role, operator in [(role, name) for name in OPERATORS for role in ROLES] + [("receiving", NEWCOMER)]:
            front = next(ports) if role == "sending" else None
            service = Service(role, operator, next(ports), folder, front)
            service.fault = faults.get(role, "")
            self._services[role, operator] = service
            if front is not None:
                self._relays[operator] = Relay(front, service.port)
        self.people = [Person(name, number, folder) for number, name in enumerate(_NAMES)]
        self.ann, self.ben = self.people
        self.operator = Program((), {}, folder, "operators.txt")
        self._ends: dict[str, dict[int, int]] = {name: {} for name in _NAMES}
        self.written: dict[str, list[str]] = {name: [] for name in _NAMES}
        self._read: dict[str, int] = {}
        self._planted = bool(faults)
        self.settled = False  # whether it is known of everything that was written what became of it

    # ---------------------------------------------------------------- who there is

    def service(self, role: str, operator: str) -> Service:
        """Return a service of an operator."""
        return self._services[role, operator]

    @property
    def services(self) -> list[Service]:
        """The services that were started, dead ones included."""
        return [one for one in self._services.values() if one.was_started]

    @property
    def relays(self) -> list[Relay]:
        """The network in front of the sending services."""
        return [*self._relays.values()]

    def name_of(self, uri: str) -> str:
        """Return what a URI is called in the demonstration."""
        return next((one.operator for one in self._services.values() if one.uri == uri), uri)

    def place_of(self, uri: str) -> str:
        """Return role and operator of a URI."""
        return next((one.name for one in self._services.values() if one.uri == uri), uri)

    def peer(self, person: Person) -> Person:
        """Return the other one."""
        return self.people[1 - person.number]

    def hours(self) -> float:
        """Return how many hours have passed, by the clocks of the demonstration, since everything ran."""
        return (pace.now_ms() - self._opened_ms) / (3600 * _MS)

    def day_of(self, at_s: int) -> int:
        """Return the day of the demonstration on which a time is."""
        return (at_s - self._opened_ms // _MS) // DAY_S

    # ---------------------------------------------------------------- life

    def open(self) -> None:
        """Start the services of both operators, and make the stores of both people."""
        started = [self._services[role, operator] for operator in OPERATORS for role in ROLES]
        for service in started:
            service.start()
        for service in started:
            eventually(service.answers, f"{service.name} answers")
        uses = [
            word for operator in OPERATORS for role in ("receiving", "sending")
            for word in (f"--{role}", self._services[role, operator].uri)
        ]  # fmt: skip
        for person in self.people:
            person.run("init", *uses)
            person.start()
        self._opened_ms = pace.now_ms()

    def start(self, service: Service) -> None:
        """Start a service, and wait until it answers."""
        service.start()
        eventually(service.answers, f"{service.name} answers")

    def close(self) -> None:
        """End everything (rule 2)."""
        everything: list[Program] = [*self.people, *self._services.values(), self.operator]
        for program in everything:
            program.end()
        for relay in self.relays:
            relay.close()

    # ---------------------------------------------------------------- what people do

    def says(self, person: Person, text: str) -> None:
        """Have somebody write a message, and remember it (rule 1)."""
        self.settled = False
        self.written[person.name].append(text)
        person.asks(f"say {self.peer(person).name} '{text}'")

    def settle(self) -> None:
        """Wait until whoever wrote something knows that it was read, or, where services lose some, that it failed."""
        for person in self.people:
            peer = self.peer(person)
            eventually(partial(self._is_decided, person), f"{person.name} knows what became of each message")
            eventually(partial(self._is_read, person), f"{peer.name} reads what {person.name} wrote")
        self.settled = True

    def _is_decided(self, person: Person) -> bool:
        ends = ("delivered", "seen", "failed") if self._planted else ("delivered", "seen")
        return all(row["state"] in ends for row in self.conversation(person) if row["from"] == "me")

    def _is_read(self, person: Person) -> bool:
        failed = {row["text"] for row in self.conversation(person) if row["state"] == "failed"}
        return {*self.written[person.name]} <= {one.text for one in self.peer(person).arrived} | failed

    def conversation(self, person: Person) -> list[dict[str, object]]:
        """Return what somebody's device shows of the conversation, with ways."""
        rows: list[dict[str, object]] = json.loads(person.asks(f"show {self.peer(person).name} --json --peek"))
        return rows

    def missing(self) -> dict[str, list[str]]:
        """Return what was written and is not read, or read more than once, by whom: nothing, if all is well."""
        found: dict[str, list[str]] = {}
        for person in self.people:
            rows = self.conversation(self.peer(person))
            wanted, read = Counter(self.written[person.name]), Counter(r["text"] for r in rows if r["from"] == "peer")
            wrong = sorted(str(text) for text in wanted | read if wanted[str(text)] != read[str(text)])
            if wrong:
                found[self.peer(person).name] = wrong
        return found

    # ---------------------------------------------------------------- event logs

    def logs(self) -> dict[str, list[str]]:
        """Return the event log of each place by its name; services first: a device names a root before it is used."""
        found = {service.name: service.events() for service in self.services}
        return found | {person.name: [*map(self._renamed(person), self._log(person))] for person in self.people}

    def _log(self, person: Person) -> list[str]:
        return person.asks("log").splitlines()

    def pairs(self, ann: int, ben: int) -> None:
        """Say that two relationships are one: two devices number them as they like, and a log has ends n and n ^ 1."""
        end = _PAIRS_FROM + 2 * len(self._ends[self.ann.name])
        self._ends[self.ann.name][ann], self._ends[self.ben.name][ben] = end, end + 1

    def _renamed(self, person: Person) -> Callable[[str], str]:
        """Return what puts the ends of the common log into a line of a person's log."""
        ends = self._ends[person.name]

        def rename(line: str) -> str:
            found = json.loads(line)
            return json.dumps({**found, "end": ends[found["end"]]}) if found.get("end") in ends else line

        return rename

    def news(self) -> dict[str, list[dict[str, object]]]:
        """Return the events of each place since this was asked last."""
        found = {}
        for name, lines in self.logs().items():
            events = [event for event in map(json.loads, lines) if "kind" in event]
            found[name], self._read[name] = events[self._read.get(name, 0) :], len(events)
        return dict(sorted(found.items(), key=lambda one: _ORDER.index(one[0].split()[0])))

    def save_logs(self) -> list[Path]:
        """Write the event logs as files, as `communicator judge` reads them."""
        found = []
        for name, lines in self.logs().items():
            found.append(self.folder / f"{name.lower().replace(' ', '-')}.jsonl")
            found[-1].write_text("".join(f"{line}\n" for line in lines), "utf-8")
        return found
