"""Any backup, any traffic before and after it, at either end or both: what holds after a restored backup (12.6).

Theory. The machine lets two people write, lose bytes and restore old backups in any order. Then the faults stop, and
the promises are judged: the two are synchronised, messages flow both ways, no number says two things to one
application, versions only grow, and every message that somebody wrote is with the peer's application or was told as
possibly lost.
"""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from tests.impl.small_town import DAY, HOUR, Town

from communicator_impl.addresses import Profile
from communicator_impl.particle_fields import MayBeLost
from communicator_spec import Command, Kind

WHO = st.integers(0, 1)
RESTORES = 4


class Restores(RuleBasedStateMachine):
    """Two people, one of whose devices is replaced by an old copy now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.town = Town(Profile.LABEL)
        self.written = 0
        self.said: list[dict[bytes, int]] = [{}, {}]
        self.told: list[list[MayBeLost]] = [[], []]
        self.backups: list[tuple[int, dict[str, bytes], dict[int, bytes]]] = []
        self.restores = 0

    def _write(self, p: int) -> bytes:
        self.written += 1
        content = b"message %d" % self.written
        number = self.town.people[p].next_number(p)
        self.town.submit(p, content)
        assert number not in self.town.application[1 - p]  # PORT-23
        self.said[p][content] = number
        return content

    @precondition(lambda self: any(self.town.people[p].is_synchronised(p) for p in (0, 1)))
    @rule(p=WHO)
    def somebody_writes(self, p: int) -> None:
        who = p if self.town.people[p].is_synchronised(p) else 1 - p
        self._write(who)

    @rule(p=WHO)
    def a_device_wakes(self, p: int) -> None:
        before = len(self.town.reported(Kind.SENT))
        synchronised = self.town.people[p].is_synchronised(p)
        self.town.wake(p)
        sent = [e.value for e in self.town.reported(Kind.SENT)[before:]]
        assert synchronised or set(sent) <= {Command.RESYNC}  # PORT-17

    @rule()
    def requests_arrive(self) -> None:
        self.town.post()

    @precondition(lambda self: self.town.queue)
    @rule(which=st.integers(0, 7))
    def a_request_is_lost(self, which: int) -> None:
        self.town.queue.pop(which % len(self.town.queue))

    @rule()
    def requests_overtake(self) -> None:
        self.town.queue.reverse()

    @rule(p=WHO)
    def a_device_fetches(self, p: int) -> None:
        held = self.town.particle(p).held_version
        self.town.fetch(p)
        assert self.town.particle(p).held_version >= held
        self._listen(p)

    @rule(hours=st.sampled_from([1, 5, 30]))
    def time_passes(self, hours: int) -> None:
        self.town.now += hours * HOUR

    @rule(hours=st.sampled_from([1, 4]))
    def hours_pass_calmly(self, hours: int) -> None:
        self.town.run(hours * HOUR)

    @rule(p=WHO)
    def somebody_makes_a_backup(self, p: int) -> None:
        self.backups.append((p, dict(self.town.disks[p].values), dict(self.town.application[p])))

    @precondition(lambda self: self.backups and self.restores < RESTORES)
    @rule(which=st.integers(0, 7))
    def a_backup_is_restored(self, which: int) -> None:
        p, disk, application = self.backups[which % len(self.backups)]
        self.restores += 1
        town = self.town
        town.disks[p].values, town.application[p] = dict(disk), dict(application)
        town.people[p] = town._manager(p)
        town.people[p].restored(town.now)
        town.hand_over(p)

    def _listen(self, p: int) -> None:
        self.told[p].extend(self.town.people[p].losses(p))
        self.town.people[p].losses_told(self.town.now, p)

    def teardown(self) -> None:
        """No faults any more: they find each other, and nothing was lost without a word."""
        town = self.town
        for _ in range(16):
            town.run(DAY)
            for p in (0, 1):
                self._listen(p)
                if town.people[p].needs_person(p):
                    town.people[p].try_again(town.now, p)
            if all(town.people[p].is_synchronised(p) for p in (0, 1)):
                break
        last = [self._write(p) for p in (0, 1)]
        town.run(4 * DAY)
        for p in (0, 1):
            self._listen(p)
        for p in (0, 1):
            heard = set(town.application[1 - p].values())
            assert last[p] in heard
            for content, number in self.said[p].items():
                assert content in heard or self._is_told(p, number), (p, number, self.told)
            assert len(heard) == len(town.application[1 - p])

    def _is_told(self, p: int, number: int) -> bool:
        """Whether either application knows that this message may be lost (PORT-25)."""
        here = any(told.own <= number or any(a <= number <= b for a, b in told.numbers) for told in self.told[p])
        return here or any(told.peer <= number for told in self.told[1 - p])


TestRestores = Restores.TestCase
TestRestores.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
