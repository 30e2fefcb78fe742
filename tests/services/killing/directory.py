"""Load and judge of a directory: people who replace their entries, strangers with tokens, and readers of the log.

What is judged: an entry that was answered is in the log, at the place that was proved, for ever; each head that anybody
saw is a tree of the leaves that are there at the end; a contact goes to one token, and that token gets it again, byte
for byte.
"""

import threading

from tests.services.asking import CBOR, SEQUENCE, Person, now_s, path_of
from tests.services.issuer import Issuer
from tests.services.killing.world import Answer, Link, Loader, World

from communicator_impl import wire
from communicator_impl.directory import Head, Leaf, Proof, read_path
from communicator_impl.log_tree import LogTree
from communicator_impl.tokens import Purpose
from communicator_spec.transparency import verify_consistency

PAGE = 1024


class Log:
    """What all loaders of a directory saw of its log and its contacts."""

    def __init__(self, uri: str, key: bytes) -> None:
        self.uri, self.key = uri, key
        self.heads: dict[bytes, Head] = {}
        self.leaves: dict[int, Leaf] = {}
        self.given: dict[bytes, str] = {}
        self.lock = threading.Lock()

    def saw(self, head: Head) -> None:
        """Keep a head that the directory signed."""
        head.check(self.uri, self.key)
        with self.lock:
            self.heads[head.encode()] = head


class Registering(Loader):
    """The owner of a name: replaces his identity, and deposits contacts of the newest one."""

    def __init__(self, world: World, name: str, link: Link, person: Person, log: Log) -> None:
        super().__init__(world, name, link)
        self.person, self._log = person, log
        self.last: Proof | None = None

    def step(self) -> None:
        """Register the next entry now and then, and deposit two contacts in between."""
        if self.last is None or self.chance.random() < 0.4:
            entry = self.person.replaced() if self.last else self.person.entry()
            first, again = self._put(entry.encode()), self._put(entry.encode())
            self.expect((first.entry, first.index) == (again.entry, again.index), "the same entry has two places")
            with self._log.lock:
                self._log.leaves[first.index] = entry.leaf()
            self.last = first
            self.world.count("entries")
        contacts = self.person.contacts(2)
        authority = self.person.authority | SEQUENCE
        answer = self.link.ask("POST", path_of(self.person.name, "/contacts"), b"".join(contacts), authority)
        self.expect(answer.status == 200, f"a deposit is answered {answer.status} {answer.body!r}")
        self.world.count("deposited", 2)

    def finish(self) -> None:
        """The newest entry is the newest entry."""
        if self.last is not None:
            again = self._put(self.last.entry.encode())
            self.expect((again.entry, again.index) == (self.last.entry, self.last.index), "the newest entry is lost")

    def _put(self, entry: bytes) -> Proof:
        answer = self.link.ask("PUT", path_of(self.person.name), entry, self.person.authority | CBOR)
        self.expect(answer.status == 200, f"an entry is answered {answer.status} {answer.body!r}")
        proof = Proof.decode(answer.body)
        proof.check(now_s(), self._log.uri, self._log.key, self.person.name)
        self._log.saw(proof.head)
        return proof


class Asking(Loader):
    """A stranger: asks for contacts with a token each, and again with the same one; reads heads."""

    def __init__(
        self, world: World, name: str, link: Link, log: Log, names: list[str], issuer: Issuer, origin: str
    ) -> None:
        super().__init__(world, name, link)
        self._log, self._names, self._issuer, self._origin = log, names, issuer, origin
        self._got: list[tuple[str, dict[str, str], Answer]] = []

    def step(self) -> None:
        """Ask for a contact, once more for an earlier one, and for the head."""
        name = self.chance.choice(self._names)
        paid = self._issuer.header(Purpose.CONTACT, self._origin)
        answer = self.link.ask("POST", path_of(name, "/contact"), None, paid)
        self.expect(answer.status in (200, 429), f"a contact is answered {answer.status} {answer.body!r}")
        if answer.status == 200:
            with self._log.lock:
                holder = self._log.given.setdefault(answer.body, paid["authorization"])
            self.expect(holder == paid["authorization"], "a contact went to two tokens")
            self._got.append((name, paid, answer))
            self.world.count("contacts")
        if self._got:
            self._repeat(self.chance.choice(self._got))
        self._read()

    def finish(self) -> None:
        """Every token that got a contact still gets it, and nothing else."""
        for got in self._got[-30:]:
            self._repeat(got)
        self._read()

    def _repeat(self, got: tuple[str, dict[str, str], Answer]) -> None:
        name, paid, before = got
        again = self.link.ask("POST", path_of(name, "/contact"), None, paid)
        self.expect(again == before, f"the same token has another answer: {again.status}")
        if self.chance.random() < 0.2:
            other = next(one for one in self._names if one != name)
            status = self.link.ask("POST", path_of(other, "/contact"), None, paid).status
            self.expect(status == 409, f"a token pays for another contact: {status}")

    def _read(self) -> None:
        head = Head.decode(self.link.ask("GET", "/v1/log/head").body)
        self._log.saw(head)
        earlier = [one for one in list(self._log.heads.values()) if 0 < one.size < head.size]
        if not earlier:
            return
        first = self.chance.choice(earlier)
        answer = self.link.ask("GET", f"/v1/log/consistency?first={first.size}&second={head.size}")
        path = read_path(answer.body) if answer.status == 200 else ()
        same = verify_consistency(first.size, head.size, path, first.tree, head.tree)
        self.expect(same, f"head {head.size} does not continue head {first.size}")
        self.world.count("consistent")


def judge(world: World, link: Link, log: Log) -> None:
    """Read all leaves, and hold every head and every entry that anybody saw against them."""
    head = Head.decode(link.ask("GET", "/v1/log/head").body)
    tree, roots = LogTree(), dict[int, bytes]()
    roots[0] = tree.root()
    leaves: list[Leaf] = []
    while len(leaves) < head.size:
        body = link.ask("GET", f"/v1/log/leaves?from={len(leaves)}&to={head.size}").body
        for data in wire.sequence(body, PAGE, 512):
            leaves.append(Leaf.decode(data))
            tree.append(leaves[-1].hash())
            roots[len(leaves)] = tree.root()
    for seen in log.heads.values():
        world.expect(roots.get(seen.size) == seen.tree, f"a head of {seen.size} leaves is none of this log")
    for place, leaf in log.leaves.items():
        world.expect(place < len(leaves) and leaves[place] == leaf, f"entry {place} is not in the log")
    world.expect(len(leaves) == len(log.leaves), f"{len(leaves)} leaves of {len(log.leaves)} entries")
