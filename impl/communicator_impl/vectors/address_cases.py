"""Cases of profile two-layer/1 (chapter 2): issuing, sealing again, resolving, spending.

The service has one outer key of generation 7 and one inner key of generation 2, so an
implementation that takes one number for the other is found out. Everything in the way of keys is
explicit, so the service's cases need no randomness at all.
"""

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from communicator_impl import hpke, wire
from communicator_impl.addresses import KeySchedule, Profile, Rdas, Root, SealingKey, TwoLayerRoot, diversify
from communicator_impl.addresses.config import Generation, ServiceConfig
from communicator_impl.addresses.schedule import SecretGeneration
from communicator_impl.entropy import SeededEntropy
from communicator_impl.vectors.story import NOW, Case, Step, named_bytes
from communicator_spec.errors import ErrorClass

__all__ = [
    *("DAY", "HOUR", "INNER", "OUTER", "TEXT", "UNTIL", "URI", "address_cases", "generation", "issued", "keys"),
    *("load", "register", "row", "sda"),
]

HOUR, DAY = 3600, 86_400
URI = "https://receiving.example"
UNTIL = NOW + 7 * DAY
TEXT = b"a ciphertext"
ROOT = Root(named_bytes("root", 16))
OWNER = TwoLayerRoot(ROOT, named_bytes("signing"))
STRANGER = TwoLayerRoot(ROOT, named_bytes("another signing"))


def generation(name: str, number: int, begin: int = NOW - DAY, end: int = NOW + 390 * DAY) -> SecretGeneration:
    """Return a key pair that belongs to a name."""
    pair = hpke.derive_key_pair(named_bytes(name))
    return SecretGeneration(pair.secret, Generation(number, pair.public, begin, end))


OUTER, INNER = generation("outer", 7), generation("inner", 2)


def keys(
    uri: str = URI, outer: tuple[SecretGeneration, ...] = (OUTER,), inner: tuple[SecretGeneration, ...] = (INNER,)
) -> KeySchedule:
    """Return the service's keys."""
    return KeySchedule(uri, tuple(Profile), outer, inner)


def row(g: SecretGeneration) -> dict[str, object]:
    """Return a key pair as `service.load` takes it."""
    p = g.public
    return {
        "number": p.number,
        "secret": g.secret,
        "public": p.public,
        "from_s": p.not_before_s,
        "until_s": p.not_after_s,
    }


def load(schedule: KeySchedule | None = None) -> Step:
    """Load a service with its keys."""
    k = schedule or keys()
    args = {"uri": k.uri, "outer": [row(g) for g in k.outer], "inner": [row(g) for g in k.inner]}
    return Step("service", "service.load", args)


def register(root: Root = ROOT) -> Step:
    """Register the root at the service."""
    key = OWNER.registration().verify_key
    return Step("register", "address.register", {"service": "$service.handle", "root": root, "verify_key": key})


def issued(
    index: int, owner: TwoLayerRoot = OWNER, until_s: int = UNTIL, schedule: KeySchedule | None = None, now: int = NOW
) -> Rdas:
    """Return one signed address."""
    config = (schedule or keys()).config()
    return owner.issue(config, range(index, index + 1), until_s, now, SeededEntropy(named_bytes(f"issue {index}")))[0]


def sda(address: Rdas, text: bytes = TEXT, key: SealingKey | None = None, salt: str = "") -> bytes:
    """Return the address sealed again for one ciphertext."""
    to = key or keys().config().sealing_key(NOW)
    return diversify(address, to, text, SeededEntropy(named_bytes(f"diversify {salt}")))


def _take(name: str, address: object, op: str = "resolve", now: int | None = None, text: bytes = TEXT) -> Step:
    args = {"service": "$service.handle", "address": address, "ciphertext": text}
    return Step(name, f"address.{op}", args, now)


def _config() -> bytes:
    return keys().config().encode()


def _issue(until_s: int = UNTIL, config: object = None) -> Step:
    args = {"root": ROOT, "signing_seed": OWNER.signing_seed, "config": config or _config()}
    return Step("issue", "address.issue", {**args, "first": 40, "count": 2, "valid_until_s": until_s})


def _long_lived() -> list[Case]:
    lasting = KeySchedule(URI, tuple(Profile), (OUTER,), (generation("lasting inner", 3, end=NOW + 500 * DAY),))
    step = _issue(NOW + 396 * DAY, lasting.config().encode())
    issue = Case("address/issue-longest", "addresses of 396 days", ("ADDR-29",), (step,))
    title = "addresses of 396 days and an hour"
    return [
        issue,
        issue.refused("issue-too-long", title, ("ADDR-29",), ErrorClass.LIMIT).changed(
            "issue", valid_until_s=NOW + 396 * DAY + HOUR
        ),
    ]


def _diversify(address: object, config: object = None) -> Step:
    args = {"address": address, "config": config or _config(), "ciphertext": TEXT}
    return Step("diversify", "address.diversify", args)


def address_cases() -> list[Case]:
    """Return all cases of the profile."""
    return [
        *_sender_cases(),
        *_long_lived(),
        *_config_cases(),
        *_choice_cases(),
        *_resolve_cases(),
        *_binding_cases(),
        *_time_cases(),
        *_spend_cases(),
        *_registry_cases(),
    ]


def _sender_cases() -> list[Case]:
    issue = Case("address/issue", "two signed addresses", ("ADDR-3", "ADDR-7", "ADDR-9"), (_issue(),))
    odd = "a date that is not a whole hour is not issued"
    late = "no inner key lasts until the address expires"
    round_trip = (load(), register(), _issue(config="$service.config"))
    seal = _diversify("$issue.addresses.1", "$service.config")
    once = (_diversify(issued(40)),)
    diversify_one = Case("address/diversify", "seal an address for one message", ("ADDR-3", "ADDR-12"), once)
    return [
        issue,
        issue.refused("issue-odd-date", odd, ("ADDR-4",), ErrorClass.MALFORMED).changed(
            "issue", valid_until_s=UNTIL + 1
        ),
        issue.refused("issue-beyond-index", "an index beyond the largest", ("ADDR-34",), ErrorClass.LIMIT).changed(
            "issue", first=0xFFFF_FFFF
        ),
        issue.refused("issue-beyond-key", late, ("ADDR-9",), ErrorClass.EXPIRED).changed(
            "issue", valid_until_s=NOW + 391 * DAY
        ),
        diversify_one,
        diversify_one.refused(
            "diversify-overlong", "a byte more than an RDAS", ("ADDR-7",), ErrorClass.MALFORMED
        ).changed("diversify", address=issued(40) + b"\0"),
        Case(
            "address/round-trip",
            "issue, seal again and resolve, all by the testee",
            ("ADDR-3", "ADDR-12", "ADDR-15"),
            (*round_trip, seal, _take("resolve", "$diversify.address")),
        ),
    ]


def _config_cases() -> list[Case]:
    decode = Case(
        "address/config",
        "a configuration and its digest",
        ("ADDR-26",),
        (Step("decode", "config.decode", {"config": _config()}),),
    )
    # The map's first key, 0, in two bytes instead of one.
    long = _config()[:1] + b"\x18\x00" + _config()[2:]
    labels = ServiceConfig(URI, 1, (Profile.LABEL,), (OUTER.public,))
    bare = msgspec.structs.replace(labels, inner=(INNER.public,)).encode()
    alone = Step("decode", "config.decode", {"config": labels.encode()})
    only = Case("address/config-label-only", "a service of label/1 alone", ("ADDR-26",), (alone,))
    profiles = Profile.TWO_LAYER, Profile.LABEL
    many = tuple(generation(f"one of many {n}", n) for n in range(9))
    most = Case(
        "address/config-eight-generations",
        "eight outer and eight inner keys",
        ("ENV-3",),
        (Step("decode", "config.decode", {"config": keys(outer=many[:8], inner=many[:8]).config().encode()}),),
    )
    full = keys(outer=many[:8], inner=many[:8]).config()
    nine = tuple(g.public for g in many)

    def wrong(of: Case, case: str, title: str, config: ServiceConfig) -> Case:
        refused = of.refused(case, title, ("ENV-3",), ErrorClass.MALFORMED)
        return refused.changed("decode", config=config.encode())

    again = generation("another outer", 7, begin=NOW), generation("another inner", 2, begin=NOW)
    malformed, twice = ErrorClass.MALFORMED, "one number for two {} keys"
    equal = wire.decode(_config(), 4096)
    assert isinstance(equal, dict)
    return [
        decode,
        decode.refused("config-suite-true", "true where suite 1 belongs", ("ENV-3",), malformed).changed(
            "decode", config=wire.encode(equal | {1: True})
        ),
        decode.refused("config-repeats-outer", twice.format("outer"), ("ENV-3",), malformed).changed(
            "decode", config=keys(outer=(OUTER, again[0])).config().encode()
        ),
        decode.refused("config-repeats-inner", twice.format("inner"), ("ENV-3",), malformed).changed(
            "decode", config=keys(inner=(INNER, again[1])).config().encode()
        ),
        most,
        wrong(most, "config-nine-outer", "nine outer keys", msgspec.structs.replace(full, outer=nine)),
        wrong(most, "config-nine-inner", "nine inner keys", msgspec.structs.replace(full, inner=nine)),
        wrong(
            decode,
            "config-profile-third",
            "a profile a second time, after both",
            msgspec.structs.replace(keys().config(), profiles=(*profiles, Profile.LABEL)),
        ),
        only,
        wrong(
            only,
            "config-profile-twice",
            "its one profile twice",
            msgspec.structs.replace(labels, profiles=(Profile.LABEL,) * 2),
        ),
        only.refused("config-inner-alone", "inner keys without profile 1", ("ENV-3",), malformed).changed(
            "decode", config=bare
        ),
        decode.refused("config-not-shortest", "an integer in two bytes", ("ENV-1",), ErrorClass.MALFORMED).changed(
            "decode", config=long
        ),
    ]


def _choice_cases() -> list[Case]:
    """Which of several keys a seal is for; that the inner one is right, a service tells that has no other."""
    old, future = generation("old outer", 6, begin=NOW - 2 * DAY), generation("future outer", 9, begin=NOW + DAY)
    three = keys(outer=(old, future, OUTER)).config().encode()
    ends = OUTER.public.not_after_s
    last = msgspec.structs.replace(_diversify(issued(40)), now=ends - 1)
    sealed = Case("address/diversify-last-second", "an outer key in its last second", ("ADDR-30",), (last,))
    early = generation("early inner", 5, begin=NOW - 3 * DAY)
    brief = generation("brief inner", 4, begin=NOW - HOUR, end=UNTIL - HOUR)
    coming = generation("coming inner", 6, begin=NOW + HOUR)
    equal = generation("equal inner", 3)

    def chosen(case: str, title: str, right: SecretGeneration, *others: SecretGeneration) -> Case:
        all_keys, one_key = load(keys(inner=(*others, right))), load(keys(inner=(right,))).renamed("only")
        mine = Step("register", "address.register", {**register().args, "service": "$only.handle"})
        seal = _diversify("$issue.addresses.1", "$service.config")
        take = _take("resolve", "$diversify.address")
        there = msgspec.structs.replace(take, args={**take.args, "service": "$only.handle"})
        return Case(case, title, ("ADDR-9",), (all_keys, one_key, mine, _issue(config="$service.config"), seal, there))

    return [
        Case(
            "address/newest-generation",
            "of three outer keys the live one that began last",
            ("ADDR-30",),
            (_diversify(issued(40), three),),
        ),
        sealed,
        sealed.refused("no-outer-key", "sealing after the only outer key has ended", ("ADDR-30",), ErrorClass.EXPIRED)
        .changed("diversify", now=ends)
        .probed(_diversify(issued(40)).renamed("probe")),
        chosen(
            "address/newest-inner", "of the inner keys that last, the one that began last", INNER, early, brief, coming
        ),
        chosen("address/inner-tie", "of inner keys that began together, the higher number", equal, INNER),
    ]


def _resolve_cases() -> list[Case]:
    good = sda(issued(40))
    resolve = Case("address/resolve", "a good address", ("ADDR-15",), (load(), register(), _take("resolve", good)))

    def wrong(case: str, title: str, clause: str, refusal: ErrorClass, address: bytes) -> Case:
        return resolve.refused(case, title, (clause,), refusal).changed("resolve", address=address)

    forged, malformed, unknown = ErrorClass.FORGED, ErrorClass.MALFORMED, ErrorClass.UNKNOWN
    bare = Ed25519PrivateKey.from_private_bytes(OWNER.signing_seed).sign(issued(40)[:73])
    flipped = good[:-1] + bytes([good[-1] ^ 1])
    highest = _take("resolve", sda(issued(0xFFFF_FFFF)))
    stranger = sda(issued(40, STRANGER))
    return [
        resolve,
        Case("address/highest-index", "the largest index", ("ADDR-15",), (load(), register(), highest)),
        wrong("truncated", "one byte short", "ADDR-15", malformed, good[:-1]),
        wrong("overlong", "one byte too many", "ADDR-15", malformed, good + b"\0"),
        wrong("tampered", "one bit of the outer seal is wrong", "ADDR-15", forged, flipped),
        wrong("unknown-generation", "a generation that never was", "ADDR-14", unknown, b"\x08" + good[1:]),
        wrong("forged-signature", "signed with another key", "ADDR-7", forged, stranger),
        wrong("forged-and-late", "signed with another key, and late", "ADDR-15", forged, stranger).changed(
            "resolve", now=UNTIL
        ),
        wrong("signature-unlabelled", "signed without the label", "SES-3", forged, sda(Rdas(issued(40)[:73] + bare))),
        resolve.refused("lifted", "the address of another ciphertext (T3)", ("ADDR-12",), forged).changed(
            "resolve", ciphertext=b"other content"
        ),
    ]


def _binding_cases() -> list[Case]:
    """An address is good at one service only: both seals name it."""
    elsewhere = keys("https://elsewhere.example")
    steps = (load(), register(), _take("resolve", sda(issued(41))))
    twin = Case("address/bound-to-service", "both seals name this service", ("ADDR-3",), steps)
    outer = sda(issued(41), key=elsewhere.config().sealing_key(NOW))
    inner = sda(issued(41, schedule=elsewhere))
    forged, title = ErrorClass.FORGED, "the {} seal names another service"
    return [
        twin,
        twin.refused("outer-for-other-service", title.format("outer"), ("ADDR-3",), forged).changed(
            "resolve", address=outer
        ),
        twin.refused("inner-for-other-service", title.format("inner"), ("ADDR-3",), forged).changed(
            "resolve", address=inner
        ),
    ]


def _time_cases() -> list[Case]:
    edge = (load(), register(), _take("resolve", sda(issued(42)), now=UNTIL - 1))
    last = Case("address/last-second", "one second before the date", ("ADDR-16",), edge)
    later = _take("probe", sda(issued(43, until_s=UNTIL + HOUR)), now=UNTIL)
    old, new = generation("old outer", 6, end=NOW + DAY), OUTER
    both = keys(outer=(old, new))
    by_old = sda(issued(44), key=SealingKey(URI, 6, old.public.public))
    by_new = _take("probe", sda(issued(44)), now=NOW + DAY)
    steps = (load(both), register(), _take("resolve", by_old, now=NOW + DAY - 1))
    overlap = Case("address/two-generations", "yesterday's outer key in its last second", ("ADDR-14",), steps)
    return [
        last,
        last.refused("expired", "at the date itself", ("ADDR-16",), ErrorClass.EXPIRED)
        .changed("resolve", now=UNTIL)
        .probed(later),
        overlap,
        overlap.refused("generation-ended", "an outer key at its end", ("ADDR-14",), ErrorClass.UNKNOWN)
        .changed("resolve", now=NOW + DAY)
        .probed(by_new),
    ]


def _spend_cases() -> list[Case]:
    first, other = sda(issued(300)), sda(issued(2))
    again = sda(issued(300), b"a second message", salt="again")
    steps = (load(), register(), _take("spend", first, "spend"))
    spend = Case("address/spend", "spend one address", ("ADDR-17",), steps)
    before, fresh = _take("before", first, "spend"), _take("probe", other, "spend")
    replayed = ErrorClass.REPLAYED
    twice = Case(
        "address/spend-second-message",
        "an address for a second message, sealed afresh",
        ("ADDR-17",),
        (load(), register(), _take("spend", again, "spend", text=b"a second message")),
    )
    return [
        spend,
        Case(
            "address/spend-out-of-order",
            "indices may come in any order",
            ("ADDR-17",),
            (*steps[:2], before, _take("spend", other, "spend")),
        ),
        Case(
            "address/spend-neighbour",
            "spending one index leaves the next one alone",
            ("ADDR-17",),
            (*steps[:2], before, _take("spend", sda(issued(301)), "spend")),
        ),
        spend.refused("replayed", "the same bytes a second time", ("ADDR-17",), replayed)
        .preceded(before)
        .probed(fresh),
        twice,
        twice.refused("diversified-twice", "one address sealed for two messages (T4)", ("ADDR-17",), replayed)
        .preceded(before)
        .probed(fresh),
    ]


def _registry_cases() -> list[Case]:
    steps = (load(), register(), _take("resolve", sda(issued(45))))
    held = Case("address/registered", "the root is registered", ("ADDR-15",), steps)
    revoke = Step("revoke", "address.revoke", {"service": "$service.handle", "root": ROOT})
    back = register().renamed("register-again")
    first = Case("address/register", "a root", ("RECV-6",), (load(), register()))
    fresh = register(Root(named_bytes("a third root", 16))).renamed("probe")
    another = {**register().args, "verify_key": STRANGER.registration().verify_key}
    other = Root(named_bytes("another root", 16))
    spent = _take("before", sda(issued(46)), "spend")
    twice = (load(), register(), spent, back, _take("spend", sda(issued(47)), "spend"))
    kept = Case("address/registered-again", "a root again, with the same values", ("RECV-6",), twice)
    unknown = ErrorClass.UNKNOWN
    return [
        kept,
        kept.refused("registered-again-spent", "what was spent before stays spent", ("RECV-6",), ErrorClass.REPLAYED)
        .changed("spend", address=sda(issued(46)))
        .probed(_take("probe", sda(issued(48)), "spend")),
        first,
        first.refused("registered-twice", "a root again, with another key", ("RECV-6",), ErrorClass.REFUSED)
        .preceded(Step("before", "address.register", another))
        .probed(fresh),
        held,
        held.refused("revoked-root", "the root was revoked", ("ADDR-24",), unknown)
        .preceded(revoke)
        .probed(back, steps[-1].renamed("probe")),
        held.refused("unknown-root", "another root is registered", ("ADDR-15",), unknown)
        .changed("register", root=other)
        .probed(back, steps[-1].renamed("probe")),
    ]
