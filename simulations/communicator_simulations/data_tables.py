"""What a scenario file says of messages and devices, if it does not leave that to a trace and to day schedules.

    [workload]      who knows whom (a graph), and how they write (habits that were fitted to a trace)
    [devices]       which devices people carry, and how many

Both need `people.count` and `people.days` only as far as they make something: a trace that is read may be taken whole.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np

from communicator_model.devices import FLASH_FILE, OnOff, flash, renewal, several
from communicator_model.graphs import FACEBOOK_FILE, Graph, GraphError, Model, acquaintances, check_graph, ego_facebook
from communicator_model.habits import habits_of, known_habits, write_messages
from communicator_model.laws import Family, LawError, law_of
from communicator_model.phones import PhoneError, Phones
from communicator_model.traces import Trace, find_data

__all__ = ["DevicesTable", "WorkloadTable", "complaints"]

_MINUTE_MS: Final = 60_000


class WorkloadTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Messages among acquaintances: a graph (`graphs.Graph`), and habits by name."""

    graph: Model
    habits: str = "collegemsg"
    mean_degree: float = 8.0
    rewired: float = 0.1
    blocks: int = 20
    within: float = 0.8
    exponent: float = 2.5

    def graph_of(self, people: int) -> Graph:
        """Return the graph that is wished for."""
        return Graph(self.graph, people, self.mean_degree, self.rewired, self.blocks, self.within, self.exponent)

    def trace(self, people: int, days: float, graph_seed: int, seed: int) -> Trace:
        """Make the messages of a replication. Raises `GraphError` where ego-facebook is asked for and not there."""
        if self.graph == "ego-facebook":
            path = find_data(FACEBOOK_FILE, None, GraphError)
            if path is None:
                raise GraphError(f"{FACEBOOK_FILE} is not here: put it into the folder that COMMUNICATOR_DATA names")
            pairs = ego_facebook(path)
            people = int(pairs.max()) + 1
        else:
            pairs = acquaintances(self.graph_of(people), graph_seed)
        name = f"{self.graph}, {people:,} people who write as in {self.habits}"
        return write_messages(habits_of(self.habits), np.asarray(pairs), people, days, seed, name)


class DevicesTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Devices. `second`: the share of people who have a second one, and `third` of those a third.

    schedules: published or synthetic days; flash: FLASH's phones, hardly ever there; on-off: a process with these laws.
    """

    source: Literal["schedules", "flash", "on-off"] = "schedules"
    on: Family = "exponential"
    on_mean_min: float = 60.0
    on_shape: float = 1.0
    off: Family = "exponential"
    off_mean_min: float = 30.0
    off_shape: float = 1.0
    second: float = 0.0
    third: float = 0.0

    def process(self) -> OnOff:
        """Return the process that is wished for; raises `LawError`."""
        on = law_of(self.on, self.on_mean_min * _MINUTE_MS, self.on_shape)
        return OnOff(on, law_of(self.off, self.off_mean_min * _MINUTE_MS, self.off_shape))

    def phones(self, day_schedules: Phones, folder: Path | None, seed: int) -> Phones:
        """Return the devices of a replication; `folder` has the published ones, if they are there."""
        phones = day_schedules
        if self.source == "flash":
            path = None if folder is None else folder / Path(FLASH_FILE).name
            if path is None or not path.exists():
                raise PhoneError(f"{FLASH_FILE} is not here: put it into the folder that COMMUNICATOR_DATA names")
            phones = flash(path)
        elif self.source == "on-off":
            phones = renewal(self.process(), seed)
        return several(phones, seed, self.second, self.third) if self.second else phones


def complaints(
    workload: WorkloadTable | None, devices: DevicesTable | None, people: int, days: float, resamples: tuple[str, ...]
) -> Iterator[str]:
    """Say what is impossible in these tables, each with its key."""
    if workload is not None:
        if workload.habits not in known_habits():
            yield f"workload.habits must be one of {', '.join(known_habits())}"
        if not days:
            yield "workload needs people.days (--days): for so long people write"
        if "window" in resamples:
            yield "study.resamples: there is no other window of messages that are made; say messages"
        if workload.graph == "ego-facebook":
            if people:
                yield "workload: ego-facebook has its own people; people.count must be 0"
        elif not people:
            yield "workload needs people.count (--people)"
        else:
            try:
                check_graph(workload.graph_of(people))
            except GraphError as error:
                yield f"workload: {error}"
    if devices is not None:
        if not 0 <= devices.second <= 1 or not 0 <= devices.third <= 1:
            yield "devices: second and third are shares, from 0 to 1"
        try:
            devices.process()
        except LawError as error:
            yield f"devices: {error}"
