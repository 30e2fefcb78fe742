"""A client's side of a directory: proofs, growing heads, replaced identities, two faces, a watch over one's name."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tests.impl.issuing import NOW
from tests.impl.naming import DAY, NOW_S, SEED, URI, access_key, contact, directory, entry, identity, peopled, register

from communicator_impl.directory import Entry, Head, Leaf, Proof, read_path
from communicator_impl.directory_monitor import DirectoryMonitor
from communicator_impl.directory_reader import DirectoryReader, Finding, SplitView, Succession
from communicator_impl.directory_service import DirectoryService
from communicator_impl.errors import OwnError, PeerError
from communicator_impl.storage import MemoryStorage
from communicator_spec.errors import ErrorClass

KEY = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
FORGED = ErrorClass.FORGED


def reader(storage: MemoryStorage | None = None) -> DirectoryReader:
    return DirectoryReader(URI, KEY, storage or MemoryStorage())


def path_for(made: DirectoryReader, service: DirectoryService, head: Head) -> tuple[bytes, ...]:
    """Fetch the path that a reader asks for, from a directory that has it; nothing otherwise."""
    gap = made.gap(head)
    try:
        return read_path(service.consistency(*gap)) if gap else ()
    except PeerError:
        return ()


def look(made: DirectoryReader, service: DirectoryService, name: str, now_ms: int = NOW) -> Finding:
    proof = Proof.decode(service.lookup(now_ms, name, None))
    return made.read(now_ms, name, proof, path_for(made, service, proof.head))


def show(made: DirectoryReader, service: DirectoryService, head: Head, now_ms: int = NOW) -> None:
    made.compare(now_ms, head, path_for(made, service, head))


def refusal(call: object, *args: object) -> ErrorClass:
    assert callable(call)
    with pytest.raises(PeerError) as caught:
        call(*args)
    return caught.value.error_class


def head_of(service: DirectoryService) -> Head:
    return Head.decode(service.head())


# -------------------------------------------------------------------- proofs


def test_an_entry_is_read_with_its_proof() -> None:  # DIR-14
    service = peopled(directory(), "alex", "blair", "casey")
    made = reader()
    found = look(made, service, "blair")
    assert (found.entry, found.succession) == (entry("blair"), Succession.FIRST)
    assert made.head == head_of(service)
    assert made.known("blair") == entry("blair")
    assert made.known("alex") is None


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda p: msgspec.structs.replace(p, index=p.index + 1),
        lambda p: msgspec.structs.replace(p, path=p.path[:-1]),
        lambda p: msgspec.structs.replace(p, path=(*p.path, bytes(32))),
        lambda p: msgspec.structs.replace(p, path=p.path[::-1]),
        lambda p: msgspec.structs.replace(p, entry=entry("blair", 0, "somebody else")),
        lambda p: msgspec.structs.replace(p, entry=entry("blair", 1)),
        lambda p: msgspec.structs.replace(p, entry=entry("alex"), index=0),
        lambda p: msgspec.structs.replace(p, head=msgspec.structs.replace(p.head, tree=bytes(32))),
        lambda p: msgspec.structs.replace(p, head=msgspec.structs.replace(p.head, size=4)),
        lambda p: msgspec.structs.replace(p, head=Head.sign(bytes(32), URI, 3, p.head.tree, NOW_S)),
        lambda p: msgspec.structs.replace(p, head=Head.sign(SEED, "https://other.example", 3, p.head.tree, NOW_S)),
    ],
)
def test_an_entry_whose_proof_does_not_hold_is_not_used(spoilt: object) -> None:  # DIR-14
    service = peopled(directory(), "alex", "blair", "casey")
    proof = Proof.decode(service.lookup(NOW, "blair", None))
    made = reader()
    assert callable(spoilt)
    assert refusal(made.read, NOW, "blair", spoilt(proof)) is FORGED
    assert made.head is None
    assert made.known("blair") is None
    assert made.read(NOW, "blair", proof).entry == entry("blair")


def test_a_head_that_is_too_old_is_not_believed() -> None:  # DIR-18
    service = peopled(directory(), "alex")
    proof = Proof.decode(service.lookup(NOW, "alex", None))
    assert refusal(reader().read, NOW + 2 * DAY + 1000, "alex", proof) is ErrorClass.EXPIRED
    assert refusal(reader().compare, NOW + 2 * DAY + 1000, proof.head) is ErrorClass.EXPIRED
    assert reader().read(NOW + 2 * DAY, "alex", proof)


# -------------------------------------------------------------------- one log


def test_heads_grow_and_the_newest_is_kept() -> None:  # DIR-15
    storage, service = MemoryStorage(), peopled(directory(), "alex")
    made, early = reader(storage), head_of(service)
    look(made, service, "alex")
    for i in range(12):
        register(service, entry(f"n{i}"))
        look(made, service, f"n{i}")
        assert made.head == head_of(service)
    show(made, service, early)
    assert made.head == head_of(service)
    assert reader(storage).head == made.head


def test_a_head_without_its_path_is_refused() -> None:  # DIR-15
    service = peopled(directory(), "alex", "blair")
    made = reader()
    look(made, service, "alex")
    register(service, entry("casey"))
    proof = Proof.decode(service.lookup(NOW, "casey", None))
    assert refusal(made.read, NOW, "casey", proof) is FORGED
    assert made.gap(proof.head) == (2, 3)
    good = read_path(service.consistency(2, 3))
    assert refusal(made.read, NOW, "casey", proof, good[:-1]) is FORGED
    assert refusal(made.read, NOW, "casey", proof, (*good, bytes(32))) is FORGED
    assert made.read(NOW, "casey", proof, good)


def test_two_heads_of_one_size_are_proof_of_two_logs() -> None:  # DIR-15
    honest, other = peopled(directory(), "alex", "blair"), peopled(directory(), "alex", "casey")
    made = reader()
    look(made, honest, "alex")
    with pytest.raises(SplitView) as caught:
        made.compare(NOW, head_of(other))
    assert caught.value.error_class is FORGED
    for head in (caught.value.ours, caught.value.theirs):
        head.check(URI, KEY)
    assert caught.value.ours.tree != caught.value.theirs.tree
    assert made.head == head_of(honest)


@given(st.integers(1, 8), st.integers(0, 8), st.integers(0, 8))
def test_two_faces_of_a_directory_are_found_by_two_readers_who_compare(
    same: int, one: int, other: int
) -> None:  # DIR-15
    faces = [directory() for _ in range(2)]
    for face in faces:
        peopled(face, *(f"same {i}" for i in range(same)))
    peopled(faces[0], *(f"one {i}" for i in range(one)))
    peopled(faces[1], *(f"other {i}" for i in range(other)))
    readers = [reader(), reader()]
    for made, face in zip(readers, faces, strict=True):
        look(made, face, "same 0")
    if one and other:
        for made, face, foreign in zip(readers, faces, faces[::-1], strict=True):
            assert refusal(show, made, face, head_of(foreign)) is FORGED
            assert refusal(show, made, foreign, head_of(foreign)) is FORGED
    else:
        longer = faces[0] if one else faces[1]
        for made, foreign in zip(readers, faces[::-1], strict=True):
            show(made, longer, head_of(foreign))


def test_a_log_that_was_begun_anew_is_found() -> None:  # DIR-15
    made = reader()
    look(made, peopled(directory(), "alex", "blair", "casey"), "alex")
    anew = peopled(directory(), "blair", "alex", "casey", "dana")
    assert refusal(look, made, anew, "alex") is FORGED


def test_an_empty_log_begins_every_log() -> None:
    made, service = reader(), directory()
    show(made, service, head_of(service))
    assert made.gap(head_of(service)) is None
    register(service, entry("alex"))
    assert look(made, service, "alex").succession is Succession.FIRST


# -------------------------------------------------------------------- identities


def test_how_an_identity_was_replaced_is_told() -> None:  # DIR-3
    service, made = peopled(directory(), "alex"), reader()
    assert look(made, service, "alex").succession is Succession.FIRST
    assert look(made, service, "alex").succession is Succession.SAME
    register(service, entry("alex", 1, "alex anew", "alex"))
    assert look(made, service, "alex").succession is Succession.SIGNED
    register(service, entry("alex", 2, "alex lost his key"))
    assert look(made, service, "alex").succession is Succession.UNSIGNED
    register(service, entry("alex", 3, "alex lost his key"))
    assert look(made, service, "alex").succession is Succession.SAME
    register(service, entry("alex", 4, "alex 4", "alex lost his key"))
    register(service, entry("alex", 5, "alex 5", "alex 4"))
    assert look(made, service, "alex").succession is Succession.UNSIGNED  # the one between was not read


class Careless(DirectoryService):
    """A directory that puts into its log whatever it is told, for a name of its choice."""

    def plant(self, made: Entry) -> None:
        self._append(made)
        self._sign(NOW)


def careless(*names: str) -> Careless:
    base = directory()
    made = Careless(NOW, URI, SEED, base._rules, base._redemption, MemoryStorage())
    for name in names:
        register(made, entry(name))
    return made


def test_a_directory_that_does_not_check_field_6_is_found() -> None:  # DIR-1
    service, made = careless("alex"), reader()
    look(made, service, "alex")
    service.plant(entry("alex", 1, "mallory", "mallory"))
    assert refusal(look, made, service, "alex") is FORGED


def test_an_older_entry_is_not_taken_for_the_newest() -> None:  # DIR-19
    service, made = peopled(directory(), "alex"), reader()
    old = Proof.decode(service.lookup(NOW, "alex", None))
    register(service, entry("alex", 1, "alex anew", "alex"))
    look(made, service, "alex")
    path = path_for(made, service, old.head)
    assert refusal(made.read, NOW, "alex", old, path) is ErrorClass.REPLAYED
    assert look(made, service, "alex").entry.sequence == 1


def test_two_entries_of_one_sequence_are_forged() -> None:  # DIR-19
    service, made = careless("alex"), reader()
    look(made, service, "alex")
    service.plant(entry("alex", 0, "mallory"))
    assert refusal(look, made, service, "alex") is FORGED
    assert made.known("alex") == entry("alex")


def test_a_contact_carries_the_identity_of_the_entry() -> None:  # DIR-6
    service, made = peopled(directory(), "alex"), reader()
    good = contact("alex", 1)
    assert refusal(made.read_contact, NOW, "alex", good.encode()) is ErrorClass.UNKNOWN
    look(made, service, "alex")
    assert made.read_contact(NOW, "alex", good.encode()) == good
    assert refusal(made.read_contact, NOW, "alex", contact("blair", 1).encode()) is FORGED
    assert refusal(made.read_contact, NOW + 9 * DAY, "alex", good.encode()) is ErrorClass.EXPIRED
    assert refusal(made.read_contact, NOW, "alex", bytes(2901)) is ErrorClass.TOO_LARGE
    register(service, entry("alex", 1, "alex anew", "alex"))
    look(made, service, "alex")
    assert refusal(made.read_contact, NOW, "alex", good.encode()) is FORGED


def test_what_a_reader_keeps_survives_and_damage_is_our_own_fault() -> None:
    storage, service = MemoryStorage(), peopled(directory(), "alex")
    look(reader(storage), service, "alex")
    assert look(reader(storage), service, "alex").succession is Succession.SAME
    for place in storage.values:
        damaged = MemoryStorage()
        damaged.values = {**storage.values, place: storage.values[place][:-1]}
        with pytest.raises(OwnError):
            reader(damaged).known("alex")


# -------------------------------------------------------------------- a watch over one's name


def monitor(storage: MemoryStorage | None = None) -> DirectoryMonitor:
    return DirectoryMonitor(URI, "alex", storage or MemoryStorage())


def watch(made: DirectoryMonitor, service: DirectoryService) -> tuple[Leaf, ...]:
    head = head_of(service)
    while (wanted := made.wanted(head)) is not None:
        made.read(head, service.leaves(*wanted))
    return made.alarms


def test_entries_of_ones_own_raise_no_alarm() -> None:  # DIR-17
    service, made = peopled(directory(), "blair", "casey"), monitor()
    for one in (entry("alex"), entry("alex", 1, "alex anew", "alex")):
        made.made(one)
        register(service, one)
    peopled(service, "dana")
    assert watch(made, service) == ()


def test_a_leaf_that_the_owner_did_not_make_is_shown_until_it_was_seen() -> None:  # DIR-17
    storage, service = MemoryStorage(), careless("blair")
    made = monitor(storage)
    made.made(entry("alex"))
    register(service, entry("alex"))
    assert watch(made, service) == ()
    service.plant(entry("alex", 1, "mallory"))
    peopled(service, "casey")
    assert watch(made, service) == (entry("alex", 1, "mallory").leaf(),)
    again = monitor(storage)
    assert again.alarms == made.alarms
    again.seen()
    assert monitor(storage).alarms == ()
    assert watch(again, service) == ()


def test_leaves_that_do_not_make_the_tree_are_refused_and_leave_no_trace() -> None:  # DIR-12
    service, made = peopled(directory(), *(f"n{i}" for i in range(5))), monitor()
    head = head_of(service)
    leaves = service.leaves(0, 5)
    false = (*leaves[:-1], entry("n9").leaf().encode())
    made.read(head, leaves[:2])
    assert refusal(made.read, head, false[2:]) is FORGED
    assert made.wanted(head) == (0, 5)
    assert refusal(made.read, head, leaves[::-1]) is FORGED
    made.read(head, leaves)
    assert made.wanted(head) is None


@pytest.mark.parametrize("leaves", [(), (b"",), (b"\xa0",), (bytes(600),)])
def test_leaves_that_are_none_are_refused(leaves: tuple[bytes, ...]) -> None:
    service, made = peopled(directory(), "alex"), monitor()
    assert refusal(made.read, head_of(service), leaves) in (ErrorClass.MALFORMED, ErrorClass.TOO_LARGE)
    too_many = service.leaves(0, 1) * 2
    assert refusal(made.read, head_of(service), too_many) is ErrorClass.MALFORMED
    made.read(head_of(service), service.leaves(0, 1))
    assert refusal(made.read, head_of(service), service.leaves(0, 1)) is ErrorClass.MALFORMED


@given(st.lists(st.integers(1, 4), max_size=8), st.integers(0, 5))
def test_the_watch_goes_on_where_it_was(growth: list[int], restart: int) -> None:  # DIR-17
    storage, service, number = MemoryStorage(), directory(), 0
    made = monitor(storage)
    for step, n in enumerate(growth):
        peopled(service, *(f"n{number + i}" for i in range(n)))
        number += n
        made = monitor(storage) if step == restart else made
        assert watch(made, service) == ()
        assert made.wanted(head_of(service)) is None


def test_a_false_head_is_found_by_who_reads_all_leaves() -> None:
    service, made = peopled(directory(), "alex", "blair"), monitor()
    false = Head.sign(SEED, URI, 2, bytes(32), NOW_S)
    assert refusal(made.read, false, service.leaves(0, 2)) is FORGED


def test_the_wrong_access_key_changes_nothing_that_a_reader_sees() -> None:
    service = peopled(directory(), "alex")
    before = service.head()
    assert refusal(service.register, NOW, access_key("mallory"), "alex", entry("alex", 1, "m").encode()) is FORGED
    assert service.head() == before
    assert identity("m").public not in [e.identity for e in service._entries]
