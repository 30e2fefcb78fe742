"""A directory, driven in any order with crashes in between: what its clauses promise holds after every step."""

import functools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.impl.issuing import NOW
from tests.impl.naming import DAY, URI, access_key, ask, contact, directory, entry, query
from tests.impl.test_directory_reader import KEY, head_of, reader, watch

from communicator_impl.directory import Head, Proof, read_path
from communicator_impl.directory_monitor import DirectoryMonitor
from communicator_impl.directory_reader import Succession
from communicator_impl.errors import CommunicatorError
from communicator_impl.storage import MemoryStorage
from communicator_spec.errors import ErrorClass

NAMES = st.sampled_from(["alex", "blair", "casey"])
REGISTERED = st.sampled_from(["blair", "casey", "blair", "casey", "blair", "alex"])
NUMBERS = st.integers(0, 5)
PER_DAY = 3


class Died(Exception):
    """The service lost its power."""


class Disk(MemoryStorage):
    """Dies instead of writing for the n-th time."""

    left: int | None = None

    def save(self, key: str, value: bytes) -> None:
        if self.left == 0:
            raise Died
        if self.left is not None:
            self.left -= 1
        super().save(key, value)


@functools.cache
def made_contact(owner: str, number: int) -> bytes:
    return contact(owner, number).encode()


class Directory(RuleBasedStateMachine):
    """Owners, strangers, one reader and one watch, at a directory that may lose its power at any write."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = Disk()
        self.now = NOW
        self.core = directory(self.disk, per_day=PER_DAY, paid=True)
        self.reader = reader()
        self.monitor = DirectoryMonitor(URI, "alex", MemoryStorage())
        self.keys: dict[str, list[str]] = {}
        self.given: dict[bytes, int] = {}
        self.by_token: dict[int, bytes] = {}
        self.given_on: dict[tuple[str, int], int] = {}
        self.leaves: tuple[bytes, ...] = ()
        self.registers_first()

    def registers_first(self) -> None:
        """Let alex be there, with a stock of contacts."""
        self.keys["alex"] = ["alex"]
        self.monitor.made(entry("alex"))
        self.core.open_account("alex", access_key("alex"))
        self.core.register(self.now, access_key("alex"), "alex", entry("alex").encode())
        stock = b"".join(made_contact("alex", n) for n in range(3))
        self.core.deposit(self.now, access_key("alex"), "alex", stock)

    def restart(self) -> None:
        self.disk.left = None
        self.core = directory(self.disk, per_day=PER_DAY, paid=True, now_ms=self.now)

    @rule(name=REGISTERED, signed=st.booleans(), dies=st.sampled_from([None, None, 0, 1, 2]))
    def registers(self, name: str, signed: bool, dies: int | None) -> None:
        past = self.keys.setdefault(name, [])
        key = f"{name} {len(past)}" if past else name
        one = entry(name, len(past), key, past[-1] if signed and past else "")
        if name == "alex":
            self.monitor.made(one)
        self.core.open_account(name, access_key(name))
        self.disk.left = dies
        try:
            self.core.register(self.now, access_key(name), name, one.encode())
        except Died:
            self.restart()
            self.core.register(self.now, access_key(name), name, one.encode())
        self.disk.left = None
        past.append(key)

    @rule(name=NAMES, sequence=st.integers(0, 4))
    def brings_an_entry_out_of_order(self, name: str, sequence: int) -> None:
        if sequence != len(self.keys.get(name, [])):
            before = self.core.head()
            try:
                self.core.register(self.now, access_key(name), name, entry(name, sequence, "mallory").encode())
            except CommunicatorError as error:
                found = error.error_class
            assert found in (ErrorClass.REFUSED, ErrorClass.FORGED)
            assert self.core.head() == before

    @rule(numbers=st.sets(NUMBERS, min_size=1), dies=st.sampled_from([None, None, 0, 1]))
    def leaves_contacts(self, numbers: set[int], dies: int | None) -> None:
        body = b"".join(made_contact("alex", n) for n in sorted(numbers))
        if len(self.keys["alex"]) > 1 or self.now >= NOW + 6 * DAY:
            return  # not the identity of these contacts any more, or their time is over
        self.disk.left = dies
        try:
            self.core.deposit(self.now, access_key("alex"), "alex", body)
        except Died:
            self.restart()
            self.core.deposit(self.now, access_key("alex"), "alex", body)
        self.disk.left = None

    @rule(number=NUMBERS, dies=st.sampled_from([None, None, 0, 1]))
    def asks_for_a_contact(self, number: int, dies: int | None) -> None:
        self.disk.left = dies
        try:
            found = self.core.contact(self.now, "alex", ask(number))
        except Died:
            self.restart()
            return
        except CommunicatorError as error:
            assert error.error_class is ErrorClass.LIMIT  # noqa: PT017 - the other outcome goes on below
            return
        finally:
            self.disk.left = None
        assert self.given.setdefault(found, number) == number  # DIR-5
        if number not in self.by_token:
            day = ("alex", self.now // DAY)
            self.given_on[day] = self.given_on.get(day, 0) + 1
        assert self.by_token.setdefault(number, found) == found  # SVC-7

    @rule(name=NAMES)
    def reads(self, name: str) -> None:
        past = self.keys.get(name, [])
        if not past:
            return
        known = self.reader.known(name)
        proof = Proof.decode(self.core.lookup(self.now, name, query(NAME_NUMBER[name])))
        proof.check(self.now // 1000, URI, KEY, name)  # DIR-13, DIR-14
        gap = self.reader.gap(proof.head)
        path = () if gap is None else read_path(self.core.consistency(*gap))
        found = self.reader.read(self.now, name, proof, path)
        assert found.entry.sequence == len(past) - 1
        if known is not None and known.sequence + 1 == found.entry.sequence:
            wanted = Succession.UNSIGNED if found.entry.before is None else Succession.SIGNED
            assert found.succession is wanted  # DIR-3

    @rule(hours=st.integers(1, 40))
    def waits(self, hours: int) -> None:
        if self.now + hours * 3_600_000 < NOW + 13 * DAY:  # within the life of the tokens
            while hours:
                step = min(hours, 12)
                self.now, hours = self.now + step * 3_600_000, hours - step
                self.core.wake(self.now)

    @rule()
    def loses_its_power(self) -> None:
        before = self.core.head()
        self.restart()
        assert self.core.head() == before

    @invariant()
    def the_log_only_grows(self) -> None:
        leaves = self.core.leaves(0, 1000)
        assert leaves[: len(self.leaves)] == self.leaves
        assert len(leaves) == sum(map(len, self.keys.values())) == Head.decode(self.core.head()).size  # DIR-2
        self.leaves = leaves

    @invariant()
    def the_head_is_young_and_signed(self) -> None:
        head = head_of(self.core)
        head.check(URI, KEY)
        assert self.now // 1000 - head.date_s <= 86_400  # DIR-16

    @invariant()
    def the_owner_is_not_alarmed_by_his_own_entries(self) -> None:
        assert watch(self.monitor, self.core) == ()  # DIR-17

    @invariant()
    def the_days_number_holds(self) -> None:
        assert all(n <= PER_DAY for n in self.given_on.values())  # DIR-9


NAME_NUMBER = {"alex": 100, "blair": 101, "casey": 102}


TestDirectory = Directory.TestCase
TestDirectory.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
