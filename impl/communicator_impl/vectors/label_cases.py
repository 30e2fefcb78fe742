"""Cases of profile label/1 (chapter 2): keys, labels, one envelope, and the window in which they are found.

The window is judged at its edges: the last index inside and the first outside, above and below,
before and after it has moved, and where the capacity cuts it off.
"""

from communicator_impl.addresses import KeySchedule, Label, LabelRoot, Root, SealingKey, derive_label, seal_labelled
from communicator_impl.entropy import SeededEntropy
from communicator_impl.vectors.address_cases import DAY, HOUR, OUTER, URI, generation, keys, load
from communicator_impl.vectors.story import NOW, Case, Step, named_bytes
from communicator_spec.errors import ErrorClass

__all__ = ["label_cases", "labelled", "register_epoch"]

SECRET = named_bytes("label secret")
ROOT = Root(named_bytes("label root", 16))
EPOCH = 5
UNTIL = NOW + 7 * DAY
TEXT = b"a ciphertext"
WINDOW = 256


def _key(epoch: int = EPOCH) -> bytes:
    return LabelRoot(ROOT, SECRET).epoch_key(epoch)


def label(index: int, lane: int = 0, epoch: int = EPOCH) -> Label:
    """Return the label of one message."""
    return derive_label(LabelRoot(ROOT, SECRET).epoch_key(epoch), lane, index)


def labelled(of: Label, text: bytes = TEXT, schedule: KeySchedule | None = None) -> bytes:
    """Return a label with a ciphertext, sealed to the service."""
    to = (schedule or keys()).config().sealing_key(NOW)
    return seal_labelled(of, text, to, SeededEntropy(named_bytes(f"seal {of.hex()}")))


def register_epoch(name: str = "register", epoch: int = EPOCH, until_s: int = UNTIL, **more: object) -> Step:
    """Register one epoch at the service."""
    args = {"service": "$service.handle", "root": ROOT, "epoch": epoch, "key": _key(epoch), "valid_until_s": until_s}
    return Step(name, "label.register", {**args, "capacity": 1000, "lanes": 1, **more})


def _take(name: str, sealed: bytes, op: str = "resolve", now: int | None = None) -> Step:
    return Step(name, f"label.{op}", {"service": "$service.handle", "sealed": sealed}, now)


def _spend(name: str, index: int) -> Step:
    return _take(name, labelled(label(index)), "spend")


def label_cases() -> list[Case]:
    """Return all cases of the profile."""
    return [
        *_sender_cases(),
        *_seal_cases(),
        *_window_cases(),
        *_time_cases(),
        *_registration_cases(),
        *_registry_cases(),
    ]


def _sender_cases() -> list[Case]:
    config = keys().config().encode()
    derive = {"key": _key(), "lane": 3, "index": 70_000}
    seal = Step("seal", "label.seal", {"label": label(9), "ciphertext": TEXT, "config": config})
    grant = Step("grant", "label.grant", {"secret": SECRET, "epoch": EPOCH, "valid_until_s": NOW + 396 * DAY})
    ours = (load(), grant, register_epoch(key="$grant.key"))
    label_step = Step("derive", "label.derive", {"key": "$grant.key", "lane": 0, "index": 9})
    by_reference = {"label": "$derive.label", "ciphertext": TEXT, "config": "$service.config"}
    round_trip = (*ours, label_step, Step("seal", "label.seal", by_reference), _take_reference())
    one = Case("label/grant", "the key of an epoch of 396 days", ("ADDR-18", "ADDR-29"), (grant,))
    derived = Case("label/derive", "the label of one message", ("ADDR-19",), (Step("derive", "label.derive", derive),))
    sealed = Case("label/seal", "label and ciphertext in one envelope", ("ADDR-3", "ADDR-20"), (seal,))
    whole = ("ADDR-18", "ADDR-19", "ADDR-20", "ADDR-21")
    return [
        one,
        one.refused("grant-too-long", "an epoch of 396 days and an hour", ("ADDR-29",), ErrorClass.LIMIT).changed(
            "grant", valid_until_s=NOW + 396 * DAY + HOUR
        ),
        one.refused("grant-epoch-beyond", "an epoch beyond the largest", ("ADDR-34",), ErrorClass.LIMIT).changed(
            "grant", epoch=1 << 32
        ),
        one.refused("grant-odd-date", "a date that is not a whole hour", ("ADDR-4",), ErrorClass.MALFORMED).changed(
            "grant", valid_until_s=NOW + HOUR + 1
        ),
        derived,
        derived.refused("derive-lane-beyond", "a lane beyond the largest", ("ADDR-34",), ErrorClass.LIMIT).changed(
            "derive", lane=0x1_0000
        ),
        derived.refused("derive-index-beyond", "an index beyond the largest", ("ADDR-34",), ErrorClass.LIMIT).changed(
            "derive", index=0x1_0000_0000
        ),
        sealed,
        sealed.refused("seal-odd-label", "a byte more than a label", ("ADDR-20",), ErrorClass.MALFORMED).changed(
            "seal", label=label(9) + b"\0"
        ),
        sealed.refused("seal-no-key", "after the only outer key has ended", ("ADDR-30",), ErrorClass.EXPIRED)
        .changed("seal", now=OUTER.public.not_after_s)
        .probed(seal.renamed("probe")),
        Case("label/round-trip", "grant, derive, seal and resolve, all by the testee", whole, round_trip),
    ]


def _take_reference() -> Step:
    return Step("resolve", "label.resolve", {"service": "$service.handle", "sealed": "$seal.sealed"})


def _seal_cases() -> list[Case]:
    good = labelled(label(3))
    resolve = Case("label/resolve", "a good label", ("ADDR-21",), (load(), register_epoch(), _take("resolve", good)))
    elsewhere = labelled(label(3), schedule=keys("https://elsewhere.example"))

    def wrong(case: str, title: str, clause: str, refusal: ErrorClass, sealed: bytes) -> Case:
        return resolve.refused(case, title, (clause,), refusal).changed("resolve", sealed=sealed)

    flipped = good[:-1] + bytes([good[-1] ^ 1])
    return [
        resolve,
        wrong("tampered", "one bit of the seal is wrong", "ADDR-21", ErrorClass.FORGED, flipped),
        wrong("truncated", "too short to hold a label", "ADDR-21", ErrorClass.MALFORMED, good[:65]),
        wrong("other-service", "the seal names another service", "ADDR-3", ErrorClass.FORGED, elsewhere),
        wrong("unknown-generation", "no such key", "ADDR-14", ErrorClass.UNKNOWN, b"\x08" + good[1:]),
        wrong("foreign-epoch", "an epoch never granted", "ADDR-22", ErrorClass.UNKNOWN, labelled(label(3, epoch=6))),
        wrong("foreign-lane", "a lane never granted", "ADDR-22", ErrorClass.UNKNOWN, labelled(label(3, lane=1))),
        Case(
            "label/second-lane",
            "a second device has a lane of its own",
            ("ADDR-22",),
            (load(), register_epoch(lanes=2), _take("resolve", labelled(label(3, lane=1)))),
        ),
    ]


def _window_cases() -> list[Case]:
    fresh = (load(), register_epoch())
    moved = (*fresh, _spend("first", 255), _spend("second", 511))
    cut = (load(), register_epoch(capacity=4))

    def edge(case: str, title: str, *steps: Step) -> Case:
        return Case(f"label/{case}", title, ("ADDR-22",), steps)

    def outside(inside: Case, case: str, title: str, index: int) -> Case:
        refused = inside.refused(case, title, ("ADDR-22",), ErrorClass.UNKNOWN)
        return refused.changed("spend", sealed=labelled(label(index)))

    top = edge("window-edge", "the last index", *fresh, _spend("spend", WINDOW - 1))
    low = edge("window-moved", "the lowest index of a window that moved", *moved, _spend("spend", 256))
    last = edge("capacity-edge", "the last index below the capacity", *cut, _spend("spend", 3))
    late = edge("overtaken", "an index that others overtook", *fresh, _spend("first", 200), _spend("spend", 7))
    return [
        top,
        outside(top, "beyond-window", "the first index above the window", WINDOW),
        low,
        outside(low, "behind-window", "an index that the window has left behind", 254),
        last,
        outside(last, "beyond-capacity", "an index at the capacity", 4),
        late,
        outside(late, "replayed", "a label a second time", 200),
    ]


def _time_cases() -> list[Case]:
    edge = (load(), register_epoch(), _take("resolve", labelled(label(3)), now=UNTIL - 1))
    last = Case("label/last-second", "one second before the date", ("ADDR-16",), edge)
    next_epoch = register_epoch("next", EPOCH + 1, UNTIL + HOUR)
    other = labelled(label(0, epoch=EPOCH + 1))
    erase = Step("erase", "service.erase", {"service": "$service.handle"}, UNTIL)
    steps = (load(), register_epoch(), next_epoch, erase, _take("resolve", other, now=UNTIL))
    kept = Case("label/epoch-kept", "erasing spares the epoch that goes on", ("ADDR-23",), steps)
    two = (load(), register_epoch(), next_epoch, _take("resolve", labelled(label(3))))
    old = generation("old outer", 6, end=NOW + DAY)
    by_old = seal_labelled(label(3), TEXT, SealingKey(URI, 6, old.public.public), SeededEntropy(named_bytes("by old")))
    overlap = (load(keys(outer=(old, OUTER))), register_epoch(), _take("resolve", by_old))
    return [
        last,
        last.refused("expired", "at the date itself", ("ADDR-16",), ErrorClass.EXPIRED)
        .changed("resolve", now=UNTIL)
        .probed(register_epoch("next", EPOCH + 1, UNTIL + HOUR), _take("probe", other, now=UNTIL)),
        kept,
        kept.refused("epoch-erased", "an erased epoch is unknown", ("ADDR-23",), ErrorClass.UNKNOWN).changed(
            "resolve", sealed=labelled(label(3))
        ),
        Case("label/two-epochs", "two epochs overlap", ("ADDR-22",), two),
        Case("label/two-generations", "two outer keys overlap", ("ADDR-14",), overlap),
    ]


def _registration_cases() -> list[Case]:
    most, last = 65_536, register_epoch("last", 0xFFFF_FFFF)
    steps = (load(), register_epoch(capacity=most))
    full = Case("label/register", "an epoch of the largest capacity", ("ADDR-33",), steps)

    def limit(case: str, title: str, **args: object) -> Case:
        return full.refused(case, title, ("ADDR-33",), ErrorClass.LIMIT).changed("register", None, **args)

    other = register_epoch("before", capacity=500)
    again = (load(), register_epoch(), _spend("before", 7), register_epoch("again"), _spend("spend", 8))
    later = register_epoch("before", until_s=UNTIL + HOUR, capacity=most)
    rekeyed = register_epoch("before", capacity=most, key=named_bytes("another epoch key"))
    kept = Case("label/registered-again", "an epoch again, with the same values", ("RECV-6",), again)

    def differs(case: str, title: str, before: Step) -> Case:
        return full.refused(case, title, ("RECV-6",), ErrorClass.REFUSED).preceded(before).probed(last)

    return [
        full,
        kept,
        kept.refused("registered-again-spent", "what was spent before stays spent", ("RECV-6",), ErrorClass.UNKNOWN)
        .changed("spend", sealed=labelled(label(7)))
        .probed(_take("probe", labelled(label(8)), "spend")),
        differs("registered-other-date", "an epoch again, with another date", later),
        differs(
            "registered-other-lanes",
            "an epoch again, with more lanes",
            register_epoch("before", capacity=most, lanes=2),
        ),
        differs("registered-other-key", "an epoch again, with another key", rekeyed),
        limit("no-capacity", "a capacity of 0", capacity=0),
        limit("excess-capacity", "a capacity of 65,537", capacity=most + 1),
        limit("no-lanes", "no lane", lanes=0),
        limit("excess-lanes", "65,536 lanes", lanes=most),
        full.refused("excess-epoch", "an epoch beyond the largest", ("ADDR-34",), ErrorClass.LIMIT)
        .changed("register", epoch=1 << 32)
        .probed(last),
        full.refused("registered-twice", "an epoch again, with another capacity", ("RECV-6",), ErrorClass.REFUSED)
        .preceded(other)
        .probed(register_epoch("next", EPOCH + 1), _take("probe", labelled(label(0, epoch=EPOCH + 1)))),
    ]


def _registry_cases() -> list[Case]:
    next_epoch = register_epoch("next", EPOCH + 1)
    held = (load(), register_epoch(), next_epoch, _take("resolve", labelled(label(3))))
    both = Case("label/registered", "both epochs are registered", ("ADDR-22",), held)
    all_of_it = Step("revoke", "label.revoke", {"service": "$service.handle", "root": ROOT})
    one = Step("revoke", "label.revoke", {**all_of_it.args, "epoch": EPOCH})
    survivor = _take("probe", labelled(label(0, epoch=EPOCH + 1)))
    again = (register_epoch("again"), _take("probe", labelled(label(3))))
    return [
        both,
        both.refused("revoked-epoch", "one epoch was revoked", ("ADDR-24",), ErrorClass.UNKNOWN)
        .preceded(one)
        .probed(survivor),
        both.refused("revoked-root", "the root was revoked", ("ADDR-24",), ErrorClass.UNKNOWN)
        .preceded(all_of_it)
        .probed(*again),
    ]
