"""Cases of directories (chapter 8.4): entries, the log's tree, heads, proofs and contacts."""

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from communicator_impl import wire
from communicator_impl.address_set import ServiceEntry, WireGrant, WireSet
from communicator_impl.addresses import Profile
from communicator_impl.addresses.values import rdas
from communicator_impl.directory import Contact, Entry, Head, Proof, make_entry
from communicator_impl.entropy import SeededEntropy
from communicator_impl.keys import Identity, make_package
from communicator_impl.log_tree import LogTree
from communicator_impl.vectors.address_cases import DAY, OUTER
from communicator_impl.vectors.address_cases import URI as SERVICE
from communicator_impl.vectors.story import NOW, Case, Step, named_bytes
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "ALEX",
    "BLAIR",
    "KEY",
    "LOG",
    "NEW",
    "SECOND",
    "SEED",
    "URI",
    "contact_of",
    "directory_cases",
    "head_of",
    "proof_of",
]

URI = "https://directory.example"
SEED = named_bytes("directory")
KEY = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
ALEX, BLAIR, NEW = (Identity.generate(SeededEntropy(named_bytes(n))) for n in ("Alex", "Blair", "Alex anew"))
FIRST, OTHER = make_entry("alex", 0, ALEX, NOW), make_entry("blair", 0, BLAIR, NOW)
SECOND = make_entry("alex", 1, NEW, NOW + DAY, ALEX)
LOG = [FIRST, OTHER, SECOND, *(make_entry(f"person {i}", 0, BLAIR, NOW) for i in range(4))]
FORGED, MALFORMED, EXPIRED, TOO_LARGE = (
    ErrorClass.FORGED,
    ErrorClass.MALFORMED,
    ErrorClass.EXPIRED,
    ErrorClass.TOO_LARGE,
)


def _tree(entries: list[Entry]) -> LogTree:
    tree = LogTree()
    for entry in entries:
        tree.append(entry.leaf().hash())
    return tree


def head_of(entries: list[Entry], date_s: int = NOW, uri: str = URI, seed: bytes = SEED) -> Head:
    """Return the signed head of a log."""
    return Head.sign(seed, uri, len(entries), _tree(entries).root(), date_s)


def proof_of(index: int) -> Proof:
    """Return the proof of one entry of the log."""
    return Proof(LOG[index], index, _tree(LOG).inclusion_path(index), head_of(LOG))


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def directory_cases() -> list[Case]:
    """Return all cases of directories."""
    return [*_entry_cases(), *_tree_cases(), *_head_cases(), *_join_cases(), *_proof_cases(), *_contact_cases()]


# -------------------------------------------------------------------- entries


def _sign(name: str, identity: Identity, sequence: int, **more: object) -> Step:
    own = {"identity": identity.public.to_bytes(), "signing_seed": identity.signing_seed}
    return Step("sign", "entry.sign", {"name": name, "sequence": sequence, **own, **more})


def _entry_cases() -> list[Case]:
    first = Step("decode", "entry.decode", {"entry": FIRST.encode()})
    second = Step("decode", "entry.decode", {"entry": SECOND.encode(), "before": FIRST.encode()})
    good = Case("directory/entry", "the first entry of a name", ("DIR-1",), (first,))
    next_one = Case("directory/entry-next", "a new identity, vouched for by the old one", ("DIR-1",), (second,))
    lost = make_entry("alex", 1, NEW, NOW + DAY)
    signed = Case("directory/entry-signed", "an owner signs his entry", ("DIR-1",), (_sign("alex", ALEX, 0),))
    again = _sign("alex", NEW, 1, before_seed=ALEX.signing_seed)
    composed, apart = "Zo\u00eb", "Zoe\u0308"

    def wrong(case: str, title: str, clause: str, refusal: ErrorClass, entry: bytes) -> Case:
        return good.refused(case, title, (clause,), refusal).changed("decode", None, entry=entry)

    return [
        good,
        wrong("entry-tampered", "another date than was signed", "DIR-1", FORGED, _changed(FIRST, date_s=NOW + 1)),
        wrong("entry-other-name", "another name than was signed", "DIR-1", FORGED, _changed(FIRST, name="blair")),
        wrong("entry-other-signer", "signed by somebody else", "DIR-1", FORGED, _field(5, OTHER.signature)),
        wrong("entry-first-with-before", "nobody was before the first", "DIR-1", FORGED, _field(6, FIRST.signature)),
        wrong("entry-unknown-field", "a field 7", "ENV-3", MALFORMED, _field(7, 0)),
        wrong("entry-unknown-version", "version 2", "ENV-5", MALFORMED, _field(0, 2)),
        wrong("entry-not-composed", "a name in another normalization form", "DIR-21", MALFORMED, _named(apart)),
        wrong("entry-without-name", "an empty name", "DIR-21", MALFORMED, _named("")),
        wrong("entry-too-large", "more than 512 bytes", "DIR-20", TOO_LARGE, FIRST.encode() + bytes(300)),
        Case("directory/entry-composed", "a name that is not ASCII", ("DIR-21",), (_renamed(composed),)),
        next_one,
        next_one.refused("entry-not-vouched-for", "signed by another identity before", ("DIR-1",), FORGED).changed(
            "decode", None, before=make_entry("alex", 0, BLAIR, NOW).encode()
        ),
        Case("directory/entry-key-lost", "a new identity for which nobody vouches", ("DIR-1",), (_decoded(lost),)),
        signed,
        signed.refused("entry-signed-long-name", "a name of 129 bytes", ("DIR-21",), MALFORMED).changed(
            "sign", None, name="n" * 129
        ),
        Case("directory/entry-signed-next", "an owner replaces his identity", ("DIR-1",), (again,)),
    ]


def _decoded(entry: Entry) -> Step:
    return Step("decode", "entry.decode", {"entry": entry.encode(), "before": FIRST.encode()})


def _changed(entry: Entry, **changes: object) -> bytes:
    return msgspec.structs.replace(entry, **changes).encode()


def _field(number: int, value: object) -> bytes:
    return wire.encode({**FIRST.to_wire(), number: value})


def _named(name: str) -> bytes:
    """Return a first entry of Alex, well signed, with a name that may be none."""
    draft = msgspec.structs.replace(FIRST, name=name)
    fields = {number: value for number, value in draft.to_wire().items() if number < 5}
    return wire.encode({**fields, 5: ALEX.sign("communicator directory entry", wire.encode(fields))})


def _renamed(name: str) -> Step:
    return Step("decode", "entry.decode", {"entry": _named(name)})


# -------------------------------------------------------------------- the log


def _tree_cases() -> list[Case]:
    leaf = Step("leaf", "entry.leaf", {"entry": SECOND.encode()})
    made = [Case("directory/leaf", "the leaf of an entry", ("DIR-12",), (leaf,))]
    for size in (1, 3, 7):
        leaves = {"leaves": [entry.leaf().encode() for entry in LOG[:size]]}
        whole = Step("tree", "tree.hash", leaves)
        inclusion = Step("path", "tree.inclusion", {**leaves, "index": size // 2})
        consistency = Step("path", "tree.consistency", {**leaves, "first": size // 2 + 1})
        made += [
            Case(f"directory/tree-{size}", f"the tree of {size}", ("DIR-12",), (whole,)),
            Case(f"directory/inclusion-{size}", f"a path in a tree of {size}", ("DIR-12",), (inclusion,)),
            Case(f"directory/consistency-{size}", f"from a smaller tree to {size}", ("DIR-12",), (consistency,)),
        ]
    late = Step("path", "tree.consistency", {"leaves": [entry.leaf().encode() for entry in LOG[:7]], "first": 6})
    return [*made, Case("directory/consistency-late", "from a tree almost as large to 7", ("DIR-12",), (late,))]


def _head_cases() -> list[Case]:
    signed = {"seed": SEED, "uri": URI, "size": 3, "tree": _tree(LOG[:3]).root()}
    step = Step("check", "head.check", {"head": head_of(LOG).encode(), "uri": URI, "key": KEY})
    good = Case("directory/head", "a signed head", ("DIR-12",), (step,))
    oldest = Case("directory/head-oldest", "a head of two days ago", ("DIR-18",), (step,), now=NOW + 2 * DAY)
    anew = {"head": head_of(LOG, NOW + DAY).encode(), "uri": URI, "key": KEY}
    probe = Step("probe", "head.check", anew, NOW + 2 * DAY + 1)

    def wrong(case: str, title: str, refusal: ErrorClass, head: bytes) -> Case:
        return good.refused(case, title, ("DIR-12",), refusal).changed("check", None, head=head)

    fields = head_of(LOG).to_wire()
    return [
        Case("directory/head-signed", "a directory signs its tree", ("DIR-12",), (Step("sign", "head.sign", signed),)),
        good,
        wrong("head-tampered", "another size than was signed", FORGED, wire.encode({**fields, 2: 8})),
        wrong("head-other-key", "signed by another directory", FORGED, head_of(LOG, seed=named_bytes("x")).encode()),
        wrong("head-other-uri", "the head of another directory", FORGED, head_of(LOG, uri=SERVICE).encode()),
        wrong("head-unknown-field", "a field 6", MALFORMED, wire.encode({**fields, 6: 0})),
        wrong("head-short-hash", "a tree hash of 31 bytes", MALFORMED, wire.encode({**fields, 3: bytes(31)})),
        oldest,
        oldest.refused("head-too-old", "a second older", ("DIR-18",), EXPIRED)
        .changed("check", NOW + 2 * DAY + 1)
        .probed(probe),
    ]


def _join_cases() -> list[Case]:
    path = list(_tree(LOG).consistency_path(3, 7))
    given: dict[str, object] = {
        "old": head_of(LOG[:3]).encode(),
        "new": head_of(LOG).encode(),
        "path": path,
        "uri": URI,
        "key": KEY,
    }
    grown = Case("directory/join", "a log that grew from 3 to 7", ("DIR-12", "DIR-15"), (_join(given),))
    power = {**given, "old": head_of(LOG[:4]).encode(), "path": list(_tree(LOG).consistency_path(4, 7))}
    same_heads = {**given, "new": given["old"]}
    same = Case("directory/join-same", "the same tree twice", ("DIR-15",), (_join({**same_heads, "path": []}),))
    back = {**given, "old": given["new"], "new": given["old"]}
    split = head_of([FIRST, SECOND, OTHER])
    empty = {**given, "old": head_of([]).encode()}

    def wrong(case: str, title: str, **changes: object) -> Case:
        return grown.refused(case, title, ("DIR-15",), FORGED).changed("join", None, **changes)

    return [
        grown,
        wrong("join-tampered", "one bit of the path", path=[*path[:-1], _flipped(path[-1], 5)]),
        wrong("join-shortened", "a hash is missing", path=path[:-1]),
        wrong("join-lengthened", "a hash too many", path=[*path, bytes(32)]),
        wrong("join-without-path", "no path at all", path=[]),
        wrong("join-other-log", "the beginning of another log", old=split.encode()),
        Case("directory/join-power", "from 4, a whole subtree", ("DIR-12", "DIR-15"), (_join(power),)),
        Case("directory/join-older", "an older head after a newer one", ("DIR-15",), (_join(back),)),
        Case(
            "directory/join-same-with-path",
            "one tree twice, and a path",
            ("DIR-15",),
            (_join({**same_heads, "path": path}),),
        ),
        Case("directory/join-empty", "a log that was empty", ("DIR-15",), (_join({**empty, "path": []}),)),
        Case("directory/join-empty-with-path", "a log that was empty, and a path", ("DIR-15",), (_join(empty),)),
        same,
        same.refused("join-split-view", "two trees of one size", ("DIR-15",), FORGED).changed(
            "join", None, new=split.encode()
        ),
    ]


def _join(given: dict[str, object]) -> Step:
    return Step("join", "head.join", given)


def _proof_cases() -> list[Case]:
    right = proof_of(1)
    given = {"proof": right.encode(), "uri": URI, "key": KEY, "name": "blair"}
    good = Case("directory/proof", "an entry in a log of seven", ("DIR-14",), (Step("check", "proof.check", given),))
    last = {**given, "proof": proof_of(6).encode(), "name": "person 3"}
    only = Proof(FIRST, 0, (), head_of([FIRST]))
    single = {**given, "proof": only.encode(), "name": "alex"}

    def wrong(case: str, title: str, **changes: object) -> Case:
        proof = msgspec.structs.replace(right, **changes).encode()
        return good.refused(case, title, ("DIR-14",), FORGED).changed("check", None, proof=proof)

    return [
        good,
        wrong("proof-shortened", "a hash is missing", path=right.path[:-1]),
        wrong("proof-lengthened", "a hash too many", path=(*right.path, bytes(32))),
        wrong("proof-tampered", "one bit of the path", path=(_flipped(right.path[0], 0), *right.path[1:])),
        wrong("proof-other-index", "another index", index=2),
        wrong("proof-beyond-size", "an index that is not in the tree", index=7),
        wrong("proof-not-in-log", "a good entry that is not in the log", entry=make_entry("blair", 0, BLAIR, NOW + 1)),
        wrong("proof-other-head", "the head of a shorter log", head=head_of(LOG[:6])),
        wrong("proof-head-forged", "a head that nobody signed", head=head_of(LOG, seed=named_bytes("x"))),
        good.refused("proof-other-name", "an answer about somebody else", ("DIR-14",), FORGED).changed(
            "check", None, name="alex"
        ),
        Case("directory/proof-last", "the last leaf", ("DIR-14",), (Step("check", "proof.check", last),)),
        Case("directory/proof-only", "the only leaf", ("DIR-14",), (Step("check", "proof.check", single),)),
    ]


# -------------------------------------------------------------------- contacts


def contact_of(identity: Identity, begin_s: int = NOW) -> Contact:
    """Return a contact of an identity, with a week's package."""
    entropy = SeededEntropy(named_bytes("contact"))
    package = make_package(identity, begin_s, 7 * DAY, entropy).package
    stock = rdas(b"".join(named_bytes(f"contact address {i}") for i in range(5))[: PARAMETERS.address.rdas_bytes])
    grant = WireGrant(3, True, NOW + 30 * DAY, 1, (stock,))
    return Contact(package, WireSet(1, (ServiceEntry(SERVICE, Profile.TWO_LAYER, (OUTER.public,), (grant,)),)))


def _contact_cases() -> list[Case]:
    contact = contact_of(BLAIR)
    step = Step("decode", "contact.decode", {"contact": contact.encode(), "entry": OTHER.encode()})
    good = Case("directory/contact", "a contact of the identity of an entry", ("DIR-6",), (step,))
    tampered = msgspec.structs.replace(contact.package, reusable=True)

    def wrong(case: str, title: str, refusal: ErrorClass, data: bytes) -> Case:
        clause = "DIR-20" if refusal is TOO_LARGE else "DIR-6"
        return good.refused(case, title, (clause,), refusal).changed("decode", None, contact=data)

    fields = wire.decode(contact.encode(), 2900)
    assert isinstance(fields, dict)
    return [
        good,
        wrong("contact-other-identity", "a package of somebody else", FORGED, contact_of(ALEX).encode()),
        wrong("contact-tampered", "a package that its owner never signed", FORGED, _with(contact, tampered)),
        wrong("contact-expired", "a package of last month", EXPIRED, contact_of(BLAIR, NOW - 30 * DAY).encode()),
        wrong("contact-unknown-field", "a field 3", MALFORMED, wire.encode({**fields, 3: 0})),
        wrong("contact-without-addresses", "no address set", MALFORMED, wire.encode({0: 1, 1: fields[1]})),
        wrong("contact-too-large", "more than 2,900 bytes", TOO_LARGE, contact.encode() + bytes(2900)),
    ]


def _with(contact: Contact, package: object) -> bytes:
    return msgspec.structs.replace(contact, package=package).encode()
