"""What is to be run, declared once for all commands that run a scenario.

Theory. A command line is flat, a wish is one value. So a command takes `asked`, and on the command line each of its
fields is an option like any other, in the place where `asked` stands among the command's own.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from communicator_reports.commands import options
from communicator_reports.fidelity_names import FidelityName

if TYPE_CHECKING:
    from communicator_reports.enough import Often
    from communicator_reports.wishes import Wish

__all__ = ["Asked", "asks"]

_NAME: Final = "asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options that decide which runs there are, without how often and where."""

    scenario: options.Scenario
    people: options.People = None
    days: options.Days = None
    seed: options.Seed = None
    fidelity: options.Fidelity = FidelityName.MODEL
    policy: options.Policy = None
    fault: options.Fault = None
    trace: options.Trace = None
    phones: options.Phones = None
    synthetic: options.Synthetic = False

    def wish(self, often: "Often", *, events: bool = False, warm_up: bool = False) -> "Wish":
        """Return the wish that these options are, with how often each run is repeated and what is kept beside."""
        from communicator_reports.wishes import Wish

        return Wish(
            scenario=self.scenario, people=self.people, days=self.days, seed=self.seed, fidelity=self.fidelity,
            policies=tuple(self.policy or ()), faults=tuple(self.fault or ()), trace=self.trace, phones=self.phones,
            synthetic=self.synthetic, replications=often.replications, rule=often.rule, events=events,
            warm_up=warm_up,
        )  # fmt: skip


def asks(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes the fields of `asked` one by one, as Typer wants them."""
    hints = {**get_type_hints(command, include_extras=True), **get_type_hints(Asked, include_extras=True)}
    fields = inspect.signature(Asked).parameters
    shown: list[inspect.Parameter] = []
    for own in inspect.signature(command).parameters.values():
        shown += fields.values() if own.name == _NAME else [own.replace(kind=inspect.Parameter.KEYWORD_ONLY)]

    @wraps(command)
    def taken(**given: Any) -> None:  # noqa: ANN401 - handed on as they come
        asked = Asked(**{name: given.pop(name) for name in fields})
        command(**{_NAME: asked}, **given)

    taken.__annotations__ = {one.name: hints[one.name] for one in shown}
    taken.__signature__ = inspect.Signature([one.replace(annotation=hints[one.name]) for one in shown])  # type: ignore[attr-defined]
    return taken
