"""Scenarios: what a study varies, read from TOML, checked in full before anything runs.

A scenario file names people, providers, faults, weather and policies in the units in which one thinks of them. Unknown
keys, wrong types and impossible combinations raise `ScenarioError`, which names the key and says what would do.
Durations that depend on how long people write are given as shares of the trace, so that one scenario serves 193 days
of a real trace and five days of a quick look alike.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final, Literal

import msgspec

from communicator_model.faults import Conditions, Fault, FaultKind, Weather
from communicator_simulations import data_tables, service_tables
from communicator_simulations.data_tables import DevicesTable, WorkloadTable
from communicator_simulations.service_tables import ServicesTable
from communicator_spec import Terms
from communicator_spec.errors import Explained
from communicator_spec.terms import TermsError, check_terms, standard_terms

__all__ = ["FAULTS", "Policy", "Scenario", "ScenarioError", "decoded", "load_scenario", "scenario_names"]

FAULTS: Final = (FaultKind.NONE, FaultKind.SUNSET, FaultKind.DEATH, FaultKind.OUTAGE)

_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 60 * _MINUTE_MS
_DAY_MS: Final = 24 * _HOUR_MS
_PROFILES: Final = ("label/1", "two-layer/1")
_BESIDE: Final = ("sweep", "about", "figure", "conclusion", "adversaries")
"""Tables of a scenario file that change no run: `sweeps.design`, `account` and `adversaries.experiment` read them."""


class ScenarioError(Explained, ValueError):
    """A scenario is missing, malformed or impossible."""


class PeopleTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who takes part."""

    count: int
    days: float
    providers: int
    zipf: float


Drawn = Literal["messages", "graph", "window", "services", "devices"]
"""What a replication may draw anew: synthetic messages; which people of a trace, and so their graph; which days of it;
which services each person uses; which phone each person carries (and synthetic phones)."""


class StudyTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How often, from which seed, what each replication draws anew beside the weather, under which faults; what is
    measured beside the figures of every run (`gauges`); and which policies are run (none named: all)."""

    replications: int
    seed: int
    drain_days: float
    resamples: tuple[Drawn, ...] = ("messages", "services", "devices")
    faults: tuple[FaultKind, ...] = FAULTS
    gauges: tuple[Literal["struck", "surge"], ...] = ()
    policies: tuple[str, ...] = ()

    def round_of(self, drawn: Drawn, replication: int) -> int:
        """Return the replication whose draw it is: its own, or the first one's if that is kept."""
        return replication if drawn in self.resamples else 0


class FaultTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the provider under study fails, and how people react."""

    provider: int
    at_share: float
    outage_h: float
    notice_share: float
    reaction_mean_share: float
    reaction_max_share: float


class AbsenceTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A share of people goes away for once, at the instant of the fault: their device is lost, or off."""

    share: float
    away_d: float


class OthersTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A share of people whose devices do what another policy of this file says, whichever the run is of."""

    share: float
    policy: str


class WeatherTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What always goes wrong a little."""

    delay_min_ms: int
    delay_mean_ms: int
    loss: float
    push_ms: int
    fetch_spread_min: float
    outage_every_d: float
    outage_mean_min: float
    strangers_every_h: float
    refusal_share: float
    refusal_mean_d: float


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What devices were told to do: a name, and what differs from the standard's terms."""

    name: str
    label: str
    description: str
    receiving_services: int | None = None
    sending_services: int | None = None
    long_term_lifetime_h: float | None = None
    long_term_refresh_h: float | None = None
    ephemeral_lifetime_h: float | None = None
    ephemeral_refresh_h: float | None = None
    announces: bool | None = None
    escalate_after_h: float | None = None
    message_lifetime_h: float | None = None
    queue_lifetime_h: float | None = None
    dead_after_h: float | None = None
    announce_spread_h: float | None = None
    receipt_delay_min_h: float | None = None
    receipt_delay_max_h: float | None = None

    def terms(self, profile: str) -> Terms:
        """Return the full terms of this policy, checked."""
        changes: dict[str, int | bool] = {}
        for name in self.__struct_fields__[3:]:
            value = getattr(self, name)
            if value is None:
                continue
            if name.endswith("_h"):
                changes[name.removesuffix("_h") + "_ms"] = round(value * _HOUR_MS)
            else:
                changes[name] = value
        try:
            return check_terms(msgspec.structs.replace(standard_terms(profile), **changes))
        except TermsError as error:
            raise ScenarioError(f"policy {self.name!r}: {error}") from None


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A whole scenario."""

    name: str
    question: str
    profile: str
    people: PeopleTable
    study: StudyTable
    fault: FaultTable
    weather: WeatherTable
    policy: tuple[Policy, ...]
    absence: AbsenceTable | None = None
    others: OthersTable | None = None
    services: ServicesTable = ServicesTable()
    workload: WorkloadTable | None = None
    devices: DevicesTable | None = None

    def conditions(self, seed: int, kind: FaultKind, duration_ms: int) -> Conditions:
        """Return what decides one run besides people and policy, for messages that span `duration_ms`."""
        fault, weather = self.fault, self.weather

        def share(x: float) -> int:
            return round(x * duration_ms)

        return Conditions(
            seed,
            Fault(
                kind,
                fault.provider,
                share(fault.at_share),
                round(fault.outage_h * _HOUR_MS),
                share(fault.notice_share),
                share(fault.reaction_mean_share),
                share(fault.reaction_max_share),
            ),
            Weather(
                weather.delay_min_ms,
                weather.delay_mean_ms,
                weather.loss,
                weather.push_ms,
                round(weather.fetch_spread_min * _MINUTE_MS),
                round(weather.outage_every_d * _DAY_MS),
                round(weather.outage_mean_min * _MINUTE_MS),
                round(weather.strangers_every_h * _HOUR_MS),
                weather.refusal_share,
                round(weather.refusal_mean_d * _DAY_MS),
            ),
            duration_ms + round(self.study.drain_days * _DAY_MS),
            self.services.resolve(self.people.providers, duration_ms),
        )


def scenario_names() -> list[str]:
    """Return the names of the scenarios that come with the package."""
    folder = files("communicator_simulations") / "scenarios"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_scenario(name: str) -> Scenario:
    """Load a scenario by its name, or from a `.toml` file.

    Raises `ScenarioError` when there is none, when a key is unknown or missing, and when its values are impossible.
    """
    table = {key: value for key, value in decoded(name).items() if key not in _BESIDE}
    try:
        scenario = msgspec.convert(table, Scenario)
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{name}: {error}") from None
    return check_scenario(scenario, name)


def decoded(name: str) -> dict[str, object]:
    """Return all that a scenario file says, unchecked; raises `ScenarioError` if there is none that can be read."""
    source: Path | Traversable = Path(name)
    if not name.endswith(".toml"):
        if name not in scenario_names():
            raise ScenarioError(f"no scenario {name!r}; there are: {', '.join(scenario_names())}, or give a .toml file")
        source = files("communicator_simulations") / "scenarios" / f"{name}.toml"
    try:
        return msgspec.toml.decode(source.read_bytes(), type=dict[str, object])
    except OSError as error:
        raise ScenarioError(f"{name}: cannot be read ({error.strerror})") from None
    except msgspec.DecodeError as error:
        raise ScenarioError(f"{name}: {error}") from None


def check_scenario(scenario: Scenario, name: str) -> Scenario:
    """Return the scenario, or raise `ScenarioError` naming the key that makes it impossible."""
    people, fault, weather = scenario.people, scenario.fault, scenario.weather

    def require(condition: bool, complaint: str) -> None:
        if not condition:
            raise ScenarioError(f"{name}: {complaint}")

    require(scenario.profile in _PROFILES, f"profile must be one of {', '.join(_PROFILES)}")
    require(people.providers >= 4, "people.providers must be at least 4: two are used, one fails, one replaces it")
    require(people.zipf >= 0, "people.zipf must not be negative")
    require(people.count == 0 or people.count >= 2, "people.count must be 0 (everybody) or at least 2")
    require(people.days >= 0, "people.days must be 0 (all) or positive")
    require(scenario.study.replications >= 1, "study.replications must be at least 1")
    resamples = scenario.study.resamples
    require(len(set(resamples)) == len(resamples), "study.resamples must name everything once")
    require(
        "graph" not in resamples or people.count > 0, "study.resamples: another graph needs people.count (--people)"
    )
    require("window" not in resamples or people.days > 0, "study.resamples: another window needs people.days (--days)")
    faults = scenario.study.faults
    require(len(set(faults)) == len(faults) > 0, "study.faults must name at least one fault, and each once")
    require(0 <= fault.provider < people.providers, "fault.provider must be one of the providers")
    require(0 <= fault.at_share < 1, "fault.at_share must lie in [0, 1)")
    absence = scenario.absence
    require(absence is None or 0 <= absence.share <= 1, "absence.share must lie in [0, 1]")
    require(
        absence is None or absence.away_d > 0, "absence.away_d must be positive; leave the table out if nobody goes"
    )
    require(0 <= weather.loss < 0.5, "weather.loss must lie in [0, 0.5)")
    require(0 <= weather.refusal_share <= 1, "weather.refusal_share must lie in [0, 1]")
    require(len(scenario.policy) >= 1, "there must be at least one [[policy]]")
    names = [policy.name for policy in scenario.policy]
    require(len(set(names)) == len(names), "policies must have different names")
    of_data = data_tables.complaints(scenario.workload, scenario.devices, people.count, people.days, resamples)
    of_services = service_tables.complaints(scenario.services, people.providers, fault.provider)
    for complaint in (*of_data, *of_services):
        require(False, complaint)
    for policy in scenario.policy:
        policy.terms(scenario.profile)
    others = scenario.others
    require(others is None or 0 <= others.share <= 1, "others.share must lie in [0, 1]")
    named = [*scenario.study.policies, *([others.policy] if others else [])]
    require(set(named) <= set(names), "study.policies and others.policy must be policies of this file")
    return scenario
