"""Bodies: what comes back, what is refused, and what fits."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_impl import wire
from communicator_impl.addresses import EpochKey, Generation, Profile, Rdas
from communicator_impl.body import (
    Body,
    Kind,
    Received,
    ServiceEntry,
    WireGrant,
    WireSet,
    decode_body,
    decode_set,
    encode_body,
    encode_set,
)
from communicator_impl.errors import InputError, PeerError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

A = PARAMETERS.address
HOUR = 3600
numbers = st.integers(0, PARAMETERS.envelope.number_max)
hours = st.integers(0, 2**32 - 1).map(lambda h: h * HOUR)
URI = "https://u.example"
uris = st.from_regex(r"https://[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z]{1,9}){0,3}(:8[0-9]{1,3})?", fullmatch=True)
EMPTY = Body(Kind.RECEIPT, Received(), 0)


@st.composite
def received(draw: st.DrawFn) -> Received:
    edges = sorted(draw(st.sets(st.integers(0, 2000), max_size=12)))
    floor = draw(st.integers(0, 100))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    kept, edge = [], floor
    for begin, end in pairs:
        if begin > edge:
            kept.append((begin, end))
            edge = end + 1
    return Received(floor, tuple(kept))


def generations() -> st.SearchStrategy[tuple[Generation, ...]]:
    one = st.builds(
        lambda n, key, begin, length: Generation(n, key, begin, begin + length),
        st.integers(0, 255),
        st.binary(min_size=32, max_size=32),
        st.integers(0, 2**40),
        st.integers(1, 2**30),
    )
    return st.lists(one, max_size=2, unique_by=lambda g: g.number).map(tuple)


def grants(profile: Profile) -> st.SearchStrategy[tuple[WireGrant, ...]]:
    keys = st.binary(min_size=32, max_size=32).map(EpochKey)
    stock = st.lists(st.binary(min_size=137, max_size=137).map(Rdas), max_size=2).map(tuple)
    secret: st.SearchStrategy[Any] = keys if profile is Profile.LABEL else stock
    one = st.builds(
        WireGrant, st.integers(0, 2**32 - 1), st.booleans(), hours, st.integers(0, A.grant_capacity_max), secret
    )
    return st.lists(one, max_size=2).map(tuple)


entries = st.sampled_from(Profile).flatmap(
    lambda p: st.builds(ServiceEntry, uris, st.just(p), generations(), grants(p))
)
sets = st.builds(WireSet, numbers, st.lists(entries, max_size=3, unique_by=lambda e: e.uri).map(tuple))
digests = st.dictionaries(uris, st.binary(min_size=16, max_size=16), max_size=3).map(
    lambda d: tuple(sorted(d.items(), key=lambda item: (len(item[0]), item[0])))
)


@st.composite
def bodies(draw: st.DrawFn) -> Body:
    kind = draw(st.sampled_from([kind for kind in Kind if kind not in (Kind.READ, Kind.RESYNC)]))
    return Body(
        kind,
        draw(received()),
        draw(numbers),
        draw(numbers) if kind is Kind.MESSAGE else None,
        draw(st.none() | sets),
        draw(st.none() | digests),
        draw(st.none() | st.binary(max_size=100)),
    )


def patched(**changes: object) -> bytes:
    fields: dict[int, object] = {0: 1, 1: 1, 3: [0, []], 4: 0}
    fields.update({int(k[1:]): v for k, v in changes.items() if v is not None})
    return wire.encode({k: v for k, v in fields.items() if changes.get(f"k{k}", 0) is not None})


def grant(**changes: object) -> bytes:
    fields: dict[int, object] = {0: 1, 1: True, 2: 7200, 3: 5, 4: bytes(32)}
    fields.update({int(k[1:]): v for k, v in changes.items()})
    return patched(k5={0: 1, 1: [{0: URI, 1: 2, 2: {0: 1, 1: []}, 3: [fields]}]})


@given(bodies())
def test_bodies_come_back(body: Body) -> None:
    data = encode_body(body)
    assert decode_body(data) == body
    assert encode_body(decode_body(data)) == data


@given(sets)
def test_sets_come_back_on_their_own(addresses: WireSet) -> None:
    assert decode_set(encode_set(addresses)) == addresses


@pytest.mark.parametrize(
    ("fault", "data"),
    [
        ("another version", patched(k0=2)),
        ("unknown kind", patched(k1=8)),
        ("resync without content", patched(k1=7)),
        ("read without content", patched(k1=6)),
        ("kind is a boolean", patched(k1=True)),
        ("message without id", patched(k1=0)),
        ("receipt with id", patched(k2=0)),
        ("unknown field", patched(k8=0)),
        ("no receipts", patched(k3=None)),
        ("no version held", patched(k4=None)),
        ("id out of range", patched(k1=0, k2=2**48)),
        ("range below the floor", patched(k3=[5, [[4, 6]]])),
        ("range touching the floor", patched(k3=[5, [[5, 6]]])),
        ("ranges that touch", patched(k3=[0, [[2, 3], [4, 5]]])),
        ("ranges out of order", patched(k3=[0, [[8, 9], [2, 3]]])),
        ("range that ends before it begins", patched(k3=[0, [[3, 2]]])),
        ("too many ranges", patched(k3=[0, [[2 * i, 2 * i] for i in range(1, 34)]])),
        ("digest of another length", patched(k6={URI: bytes(15)})),
        ("digest keyed by no origin", patched(k6={"u": bytes(16)})),
        ("digest keyed by number", patched(k6={1: bytes(16)})),
        ("content is text", patched(k7="text")),
        ("date within the hour", grant(k2=7201)),
        ("date in the far future", grant(k2=2**32 * 3600)),
        ("epoch key too short", grant(k4=bytes(31))),
        ("stock where an epoch key belongs", grant(k4=[bytes(137)])),
        ("long-term is a number", grant(k1=1)),
        ("unknown field in a grant", grant(k5=0)),
        ("service twice", patched(k5={0: 1, 1: [{0: URI, 1: 2, 2: {0: 1, 1: []}, 3: []}] * 2})),
        ("service that is no origin", patched(k5={0: 1, 1: [{0: URI + "/", 1: 2, 2: {0: 1, 1: []}, 3: []}]})),
        ("unknown suite", patched(k5={0: 1, 1: [{0: URI, 1: 2, 2: {0: 9, 1: []}, 3: []}]})),
        ("unknown profile", patched(k5={0: 1, 1: [{0: URI, 1: 3, 2: {0: 1, 1: []}, 3: []}]})),
        ("RDAS of another length", patched(k5={0: 1, 1: [{0: URI, 1: 1, 2: {0: 1, 1: []}, 3: [
            {0: 1, 1: True, 2: 7200, 3: 5, 4: [bytes(136)]}]}]})),
    ],
)  # fmt: skip
def test_one_fault_is_malformed(fault: str, data: bytes) -> None:
    with pytest.raises(PeerError) as caught:
        decode_body(data)
    assert caught.value.error_class is ErrorClass.MALFORMED, fault


def test_their_positive_twins_pass() -> None:
    full = patched(k1=0, k2=2**48 - 1, k3=[5, [[6, 6], [8, 9]]], k6={URI: bytes(16)}, k7=b"")
    for data in (patched(), full, grant()):
        assert encode_body(decode_body(data)) == data


def test_what_a_peer_would_refuse_is_not_written() -> None:
    for wrong in (Body(Kind.MESSAGE, Received(), 0), Body(Kind.RECEIPT, Received(5, ((5, 6),)), 0)):
        with pytest.raises(InputError):
            encode_body(wrong)
    with pytest.raises(InputError) as caught:
        encode_body(Body(Kind.RECEIPT, Received(), 0, content=bytes(3000)))
    assert caught.value.error_class is ErrorClass.TOO_LARGE


def test_receipts_contain_what_they_say() -> None:
    got = Received(3, ((5, 7),))
    assert [n for n in range(10) if n in got] == [0, 1, 2, 5, 6, 7]


def full_set(uri_bytes: int, profile: Profile) -> WireSet:
    stock = {True: A.batch_long_term, False: A.batch_ephemeral}
    keys = tuple(Generation(n, bytes(32), 1_767_225_600, 1_800_000_000) for n in (254, 255))

    def grant_of(long_term: bool) -> WireGrant:
        held = stock[long_term]
        secret = EpochKey(bytes(32)) if profile is Profile.LABEL else tuple(Rdas(bytes(137)) for _ in range(held))
        return WireGrant(70_000, long_term, 1_800_000_000, A.grant_capacity_max, secret)

    uris = [f"https://{n}".ljust(uri_bytes, "u") for n in range(2)]
    services = (ServiceEntry(u, profile, keys, (grant_of(True), grant_of(False))) for u in uris)
    return WireSet(70_000, tuple(services))


@pytest.mark.parametrize("profile", Profile)
def test_a_full_update_of_two_services_fits_a_first_message(profile: Profile) -> None:
    update = Body(
        Kind.UPDATE,
        Received(70_000, ((70_002, 70_003), (70_005, 70_005))),
        70_000,
        addresses=full_set(64, profile),
        digests=tuple((s.uri, bytes(16)) for s in full_set(64, profile).services),
    )
    assert len(encode_body(update)) == (2323 if profile is Profile.TWO_LAYER else 787)  # of 2,486


def test_an_empty_receipt_is_eleven_bytes() -> None:
    assert len(encode_body(EMPTY)) == 11
