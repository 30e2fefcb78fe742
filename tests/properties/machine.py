"""Any order of steps and faults: the machine whose rules Hypothesis chooses, and the judgement after each.

Theory. The promises of the standard hold at every instant, whatever the interleaving; so the machine has no model of
what should happen next. It draws a town, lets steps and faults happen in any order, and asks the standard's own judges
after each: the monitors, which read each row once, and the knowledge table, which compares each new byte string with
all that were seen. One more promise is about the end: once the faults stop, everything that was accepted is delivered,
or the application is told that it was not.

Rules:

1. One rule is one step of one party, or one fault. `an_hour_passes_calmly` alone is more, so that runs get far.
2. A number says which of the things that are possible now is meant, so that every number is a step and 0 is the
   simplest; a rule for which nothing is possible is not offered.
3. `Broken` names the first promise that failed, and how many steps it took.
"""

from collections.abc import Sequence
from typing import ClassVar, Final, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.properties.sight import Leak, Misfit
from tests.properties.town import DAY, HOUR, MINUTE, Shape
from tests.properties.traffic import Traffic

from communicator_impl.addresses import Profile
from communicator_impl.outbox import CONTENT_BYTES_MAX
from communicator_simulations.real import Parts
from communicator_spec.monitors import Violation

__all__ = ["SHAPES", "Broken", "Machine"]

LABEL, TWO_LAYER = Profile.LABEL, Profile.TWO_LAYER
SHAPES: Final = [
    Shape(profiles, providers)
    for profiles in ((LABEL, LABEL), (TWO_LAYER, TWO_LAYER), (LABEL, TWO_LAYER, LABEL), (TWO_LAYER, LABEL) * 2)
    for providers in (4, 3, 2)
]
SPANS: Final = [HOUR, MINUTE, 12 * HOUR, DAY, 3 * DAY, 8 * DAY, 15 * DAY, 40 * DAY, 120 * DAY, 330 * DAY]
WHICH: Final = st.integers(0, 11)
MOST_RELATIONSHIPS: Final = 4
T = TypeVar("T")


class Broken(AssertionError):
    """A promise that does not hold."""

    def __init__(self, found: Violation | Leak | Misfit, steps: int) -> None:
        super().__init__(f"{found.invariant} after {steps} steps: {found}")
        self.invariant = found.invariant
        self.steps = steps


class Machine(RuleBasedStateMachine):
    """One town. A subclass may put faulty `parts` into it, and choose the `shapes`."""

    parts: ClassVar[Parts] = Parts()
    shapes: ClassVar[Sequence[Shape]] = SHAPES

    town: Traffic
    steps = 0
    broken = False

    @initialize(shape=st.integers(0, 11), friends=st.integers(0, 2))
    def people_meet(self, shape: int, friends: int) -> None:
        self.town = Traffic(self.shapes[shape % len(self.shapes)], self.parts)
        self.town.meet(0, 1)
        for n in range(friends):
            self._meet(n, n + 1)
        self._judge()

    def _meet(self, which: int, other: int) -> None:
        person = which % len(self.town.devices)
        others = self.town.everyone_else(person)
        self.town.meet(person, others[other % len(others)])

    def _one_of(self, things: Sequence[T], which: int) -> T:
        return things[which % len(things)]

    def _end(self, which: int) -> int:
        return which % len(self.town.people)

    def _judge(self) -> None:
        """Ask every judge about what is new."""
        self.steps += 1
        self._raise_first(self.town.broken())

    def _raise_first(self, found: Sequence[Violation | Leak | Misfit]) -> None:
        for broken in found:
            self.broken = True
            raise Broken(broken, self.steps)

    def _living(self) -> list[int]:
        return [p for p, alive in enumerate(self.town.alive) if alive]

    # ---------------------------------------------------------------- devices

    @rule(which=WHICH, long=st.booleans())
    def somebody_writes(self, which: int, long: bool) -> None:
        self.town.write(self._end(which), CONTENT_BYTES_MAX if long else 24)
        self._judge()

    @precondition(lambda self: self.town.due())
    @rule(which=WHICH)
    def a_device_wakes(self, which: int) -> None:
        self.town.wake(self._one_of(self.town.due(), which))
        self._judge()

    @precondition(lambda self: self.town.due())
    @rule(which=WHICH, effects=st.integers(0, 4))
    def a_device_dies_while_sending(self, which: int, effects: int) -> None:
        self.town.wake(self._one_of(self.town.due(), which), effects)
        self._judge()

    @precondition(lambda self: self.town.stores())
    @rule(which=WHICH)
    def a_device_fetches(self, which: int) -> None:
        self.town.fetch(*self._one_of(self.town.stores(), which))
        self._judge()

    @precondition(lambda self: self.town.stores())
    @rule(which=WHICH)
    def a_device_dies_after_fetching(self, which: int) -> None:
        self.town.fetch(*self._one_of(self.town.stores(), which), dies=True)
        self._judge()

    @precondition(lambda self: self.town.stores())
    @rule(which=WHICH)
    def a_confirmation_is_lost(self, which: int) -> None:
        self.town.fetch(*self._one_of(self.town.stores(), which), confirms=False)
        self._judge()

    @rule(which=WHICH)
    def a_device_restarts(self, which: int) -> None:
        self.town.restart_device(which % len(self.town.devices))
        self._judge()

    # ---------------------------------------------------------------- the network

    @precondition(lambda self: self.town.flights())
    @rule(which=WHICH)
    def a_request_arrives(self, which: int) -> None:
        flight = self.town.take_off(*self._one_of(self.town.flights(), which))
        if flight is not None:
            self.town.land(flight)
        self._judge()

    @precondition(lambda self: self.town.flights())
    @rule(which=WHICH)
    def an_answer_is_lost(self, which: int) -> None:
        flight = self.town.take_off(*self._one_of(self.town.flights(), which))
        if flight is not None:
            self.town.land(flight, answered=False)
        self._judge()

    @precondition(lambda self: self.town.flights())
    @rule(which=WHICH)
    def a_request_is_lost(self, which: int) -> None:
        flight = self.town.take_off(*self._one_of(self.town.flights(), which))
        if flight is not None:
            self.town.tell(flight, answered=False)
        self._judge()

    @precondition(lambda self: self.town.flights())
    @rule(which=WHICH)
    def a_request_hangs_in_the_network(self, which: int) -> None:
        flight = self.town.take_off(*self._one_of(self.town.flights(), which))
        if flight is not None:
            self.town.air.append(flight)
        self._judge()

    @precondition(lambda self: self.town.air)
    @rule(which=WHICH, answered=st.booleans())
    def a_late_request_arrives(self, which: int, answered: bool) -> None:
        self.town.land(self.town.air.pop(which % len(self.town.air)), answered=answered)
        self._judge()

    # ---------------------------------------------------------------- services

    @rule(which=WHICH, is_sending=st.booleans())
    def a_service_restarts(self, which: int, is_sending: bool) -> None:
        provider = self._one_of(self._living(), which)
        (self.town.restart_sending if is_sending else self.town.restart_receiving)(provider)
        self._judge()

    @rule(which=WHICH, is_sending=st.booleans())
    def a_service_goes_down(self, which: int, is_sending: bool) -> None:
        self.town.go_down(self._one_of(self._living(), which), is_sending=is_sending)
        self._judge()

    @precondition(lambda self: not all(self.town.sending) or not all(self.town.receiving))
    @rule(which=WHICH)
    def a_provider_comes_back(self, which: int) -> None:
        self.town.come_back(self._one_of(self._living(), which))
        self._judge()

    @precondition(lambda self: len(self._living()) > 1)
    @rule(which=WHICH)
    def a_provider_dies(self, which: int) -> None:
        self.town.die(self._one_of(self._living(), which))
        self._judge()

    @rule(which=WHICH)
    def a_disk_fills_up(self, which: int) -> None:
        town = self.town
        disks = [*town.device_disks, *town.receiving_disks, *town.sending_disks]
        self._one_of(disks, which).is_full = True
        self._judge()

    @rule(which=WHICH)
    def a_provider_erases_what_has_ended(self, which: int) -> None:
        self.town.erase(self._one_of(self._living(), which))
        self._judge()

    @rule(which=WHICH)
    def a_receiving_service_rotates_its_keys(self, which: int) -> None:
        self.town.rotate(self._one_of(self._living(), which))
        self._judge()

    # ---------------------------------------------------------------- people

    @precondition(lambda self: len(self.town.people) < 2 * MOST_RELATIONSHIPS)
    @rule(which=WHICH, other=WHICH)
    def two_people_meet(self, which: int, other: int) -> None:
        self._meet(which, other)
        self._judge()

    @precondition(lambda self: self.town.shape.providers > 2)
    @rule(which=WHICH, old=st.integers(0, 1), new=st.integers(0, 3), delay_h=st.integers(0, 30))
    def somebody_moves(self, which: int, old: int, new: int, delay_h: int) -> None:
        person = which % len(self.town.devices)
        current = self.town.settings[person].receiving
        spare = [p for p in self._living() if p not in current]
        if spare:
            self.town.move(person, current[old], self._one_of(spare, new), delay_h * HOUR)
        self._judge()

    @precondition(lambda self: any(self.town.leaving))
    @rule(which=WHICH)
    def somebody_leaves_a_service(self, which: int) -> None:
        pairs = [(person, service) for person, left in enumerate(self.town.leaving) for service in sorted(left)]
        self.town.leave(*self._one_of(pairs, which))
        self._judge()

    @rule(which=WHICH)
    def somebody_refuses(self, which: int) -> None:
        self.town.refuse(self._end(which))
        self._judge()

    # ---------------------------------------------------------------- strangers

    @rule(which=WHICH)
    def a_stranger_posts_junk(self, which: int) -> None:
        service = self._one_of(self._living(), which)
        self.town.inject(service, self.town.junk(service))
        self._judge()

    @precondition(lambda self: self.town.captured)
    @rule(which=WHICH, elsewhere=st.integers(0, 3))
    def a_request_is_replayed(self, which: int, elsewhere: int) -> None:
        flight = self._one_of(self.town.captured, which)
        self.town.inject((flight.service + elsewhere) % self.town.shape.providers, flight.request, flight.tag)
        self._judge()

    @precondition(lambda self: self.town.captured)
    @rule(which=WHICH, place=st.integers(0, 5999))
    def an_address_is_lifted_onto_other_bytes(self, which: int, place: int) -> None:
        self.town.lift(which, place)
        self._judge()

    # ---------------------------------------------------------------- time

    @rule(span=st.integers(0, len(SPANS) - 1))
    def time_passes(self, span: int) -> None:
        self.town.now += SPANS[span]
        self._judge()

    @rule(hours=st.sampled_from([1, 2, 30]))
    def hours_pass_calmly(self, hours: int) -> None:
        self.town.settle(hours * HOUR)
        self._judge()

    def outlive(self) -> None:
        """Let nobody do anything until the last message has come to its end; then the applications are told."""
        self.town.now += self.town.terms[0].message_lifetime_ms
        for end in self.town.due():
            self.town.wake(end)
        self._raise_first(self.town.monitors.finish(self.town.now + DAY, self.town.log))

    def teardown(self) -> None:
        """No faults any more: what was accepted is delivered within its lifetime, or the application is told."""
        if self.broken or self.steps == 0:
            return
        self.town.recover()
        self._judge()
        farewells = self.town.say_farewell()
        self.town.settle(self.town.terms[0].message_lifetime_ms + DAY)
        self._judge()
        self._raise_first(self.town.monitors.finish(self.town.now, self.town.log))
        self.town.expect_what_was_said()
        for end, number in farewells:
            assert number in self.town.application[end], f"message {number} has a way to end {end} and did not arrive"
