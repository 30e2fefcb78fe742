"""The reference adapter's operations for directories (chapter 8.4): entries, the tree, heads, proofs and contacts."""

from communicator_impl import directory, wire
from communicator_impl.adapter.lines import Call, Operation
from communicator_impl.addresses.config import service_uri
from communicator_impl.directory_reader import DirectoryReader
from communicator_impl.hpke import KeyPair
from communicator_impl.keys import Identity, IdentityKey
from communicator_impl.log_tree import LogTree
from communicator_impl.storage import MemoryStorage
from communicator_spec.parameters import PARAMETERS

__all__ = ["DIRECTORY_OPERATIONS"]

_HASH = PARAMETERS.suite.hash_bytes


def _decode_entry(c: Call) -> object:
    entry = directory.Entry.decode(c.raw("entry"))
    if c.args.get("before") is not None:
        entry.check_after(directory.Entry.decode(c.raw("before")))
    return {"name": entry.name, "sequence": entry.sequence, "identity": entry.identity.to_bytes()}


def _sign_entry(c: Call) -> object:
    public = IdentityKey.from_bytes(c.raw("identity"))
    now = Identity(c.secret("signing_seed"), KeyPair(b"", public.agree), public)
    earlier = None if c.args.get("before_seed") is None else Identity(c.secret("before_seed"), now.agreement, public)
    name, sequence = directory.checked_name(c["name"]), c.number("sequence")
    return {"entry": directory.make_entry(name, sequence, now, c.now, earlier).encode()}


def _leaf(c: Call) -> object:
    leaf = directory.Entry.decode(c.raw("entry")).leaf()
    return {"leaf": leaf.encode(), "hash": leaf.hash()}


def _tree(c: Call) -> LogTree:
    tree = LogTree()
    for data in c.raws("leaves"):
        tree.append(directory.Leaf.decode(data).hash())
    return tree


def _inclusion(c: Call) -> object:
    tree, index = _tree(c), c.number("index")
    if index >= len(tree):
        raise wire.wrong("index of a leaf")
    return {"path": tree.inclusion_path(index)}


def _consistency(c: Call) -> object:
    tree, first = _tree(c), c.number("first")
    if not 0 < first <= len(tree):
        raise wire.wrong("size of a tree")
    return {"path": tree.consistency_path(first, len(tree))}


def _sign_head(c: Call) -> object:
    tree = c.raw("tree", _HASH)
    return {"head": directory.Head.sign(c.secret("seed"), c["uri"], c.number("size"), tree, c.now).encode()}


def _reader(c: Call) -> DirectoryReader:
    return DirectoryReader(service_uri(c["uri"]), c.raw("key", PARAMETERS.suite.public_key_bytes), MemoryStorage())


def _check_head(c: Call) -> object:
    head = directory.Head.decode(c.raw("head"))
    _reader(c).compare(1000 * c.now, head)
    return {"size": head.size, "tree": head.tree}


def _join(c: Call) -> None:
    reader = _reader(c)
    path = directory.read_path(wire.encode(c.raws("path")))
    reader.compare(1000 * c.now, directory.Head.decode(c.raw("old")))
    reader.compare(1000 * c.now, directory.Head.decode(c.raw("new")), path)


def _check_proof(c: Call) -> object:
    name, proof = directory.checked_name(c["name"]), directory.Proof.decode(c.raw("proof"))
    entry = _reader(c).read(1000 * c.now, name, proof).entry
    return {"sequence": entry.sequence, "identity": entry.identity.to_bytes()}


def _decode_contact(c: Call) -> object:
    contact = directory.Contact.decode(c.raw("contact"), c.now)
    contact.check(directory.Entry.decode(c.raw("entry")))
    return {"identifier": contact.package.identifier()}


DIRECTORY_OPERATIONS: dict[str, Operation] = {
    "entry.sign": _sign_entry,
    "entry.decode": _decode_entry,
    "entry.leaf": _leaf,
    "tree.hash": lambda c: {"tree": _tree(c).root()},
    "tree.inclusion": _inclusion,
    "tree.consistency": _consistency,
    "head.sign": _sign_head,
    "head.check": _check_head,
    "head.join": _join,
    "proof.check": _check_proof,
    "contact.decode": _decode_contact,
}
