"""The document of an origin: it comes back, it may grow, and one wrong member spoils it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_impl.addresses import KeySchedule, Profile
from communicator_impl.document import Document, Receiving, is_fresh
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import PeerError
from communicator_spec import ErrorClass
from communicator_spec.examples import document
from communicator_spec.parameters import PARAMETERS

ORIGIN = "https://receiving.example"
SERVICES = ("receiving", "sending", "directory", "authorization")
NOW_S = 1_767_225_600
MOST = PARAMETERS.service.document_bytes_max
Change = Callable[[dict[str, Any]], object]


def example() -> dict[str, Any]:
    return document(*SERVICES)


def decode(value: object) -> Document:
    return Document.decode(json.dumps(value).encode(), ORIGIN)


def refusal(data: bytes, origin: str = ORIGIN) -> ErrorClass:
    with pytest.raises(PeerError) as caught:
        Document.decode(data, origin)
    return caught.value.error_class


@pytest.mark.parametrize("count", range(5))
def test_what_the_chapter_shows_is_read_and_written(count: int) -> None:
    shown = document(*SERVICES[:count]) if count else {"version": 1, "revision": 0, "operator": ""}
    read = decode(shown)
    assert json.loads(read.encode()) == shown
    assert Document.decode(read.encode(), ORIGIN) == read
    assert len(read.uris()) == count


@pytest.mark.parametrize("profiles", [(Profile.LABEL,), (Profile.LABEL, Profile.TWO_LAYER), tuple(Profile)])
def test_the_digest_is_that_of_the_service_in_the_order_of_the_document(profiles: tuple[Profile, ...]) -> None:
    entropy = SeededEntropy(b"document")
    keys = KeySchedule.generate(ORIGIN, profiles, NOW_S, entropy).rotated(NOW_S + 5, entropy, 86_400, 86_400)
    config = keys.config()
    service = Receiving(config, 4096, (2800,), ("immediate", "pull"), True, (("register", (ORIGIN,)),))
    read = Document.decode(Document(7, "Example Post", service).encode(), ORIGIN)
    assert read.receiving == service
    assert read.receiving.config.digest() == config.digest()  # SVC-17
    turned = json.loads(Document(7, "Example Post", service).encode())
    turned["receiving"]["outer"].reverse()
    other = decode(turned).receiving
    assert other is not None
    assert other.config.digest() != config.digest()


def grown(value: object) -> object:
    """Add a member that nobody knows to every object, in front."""
    if isinstance(value, list):
        return [grown(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {"x-later": {"version": [None, 1.5, "…"]}, **{name: grown(item) for name, item in value.items()}}


def test_members_that_are_not_known_are_ignored() -> None:  # SVC-15
    larger = example()
    for name in SERVICES:
        kept = {open_map: larger[name].get(open_map) for open_map in ("tokens", "upload")}
        larger[name] = grown(larger[name])
        larger[name].update({key: value for key, value in kept.items() if value is not None})
    larger = {"x-later": [{}], **larger}
    assert decode(larger) == decode(example())


FAULTS: dict[str, Change] = {
    "another version": lambda d: d.update(version=2),
    "no revision": lambda d: d.pop("revision"),
    "a revision beyond": lambda d: d.update(revision=1 << 53),
    "a revision below": lambda d: d.update(revision=-1),
    "a revision that is no integer": lambda d: d.update(revision=1.0),
    "a revision that is a flag": lambda d: d.update(revision=True),
    "no operator": lambda d: d.pop("operator"),
    "an operator that is a number": lambda d: d.update(operator=1),
    "half a surrogate": lambda d: d.update(operator="\ud800"),
    "half a surrogate in a URI": lambda d: d["sending"].update(uri="https://\ud800"),
    "a service that is a list": lambda d: d.update(sending=[]),
    "a service that is null": lambda d: d.update(directory=None),
    "no URI": lambda d: d["receiving"].pop("uri"),
    "the URI of another origin": lambda d: d["sending"].update(uri="https://other.example"),
    "a URI with a slash": lambda d: d["receiving"].update(uri=ORIGIN + "/"),
    "another suite": lambda d: d["receiving"].update(suite=2),
    "an unknown profile": lambda d: d["receiving"].update(profiles=[1, 3]),
    "a key of 31 bytes": lambda d: d["receiving"]["outer"][0].update(key="A" * 42),
    "a key with padding": lambda d: d["receiving"]["outer"][0].update(key="A" * 43 + "="),
    "a key with bits left over": lambda d: d["receiving"]["outer"][0].update(key="A" * 42 + "B"),
    "a key in base64": lambda d: d["receiving"]["outer"][0].update(key="+" * 43),
    "a key that ends before it begins": lambda d: d["receiving"]["inner"][0].update(not_after=0),
    "one number for two keys": lambda d: d["receiving"].update(outer=d["receiving"]["outer"] * 2),
    "no generation": lambda d: d["receiving"]["outer"][0].pop("generation"),
    "a proxy that is a number": lambda d: d["receiving"].update(proxy=1),
    "tokens that are a list": lambda d: d["receiving"].update(tokens=[]),
    "an issuer that is no origin": lambda d: d["sending"].update(tokens={"submit": ["authorization.example"]}),
    "issuers that are a text": lambda d: d["sending"].update(tokens={"submit": ORIGIN}),
    "no delay 0": lambda d: d["sending"].update(delay_mean_s=[60]),
    "a delay beyond": lambda d: d["sending"].update(delay_mean_s=[0, 3601]),
    "a count in another base": lambda d: d["sending"].update(upload={"0x1": 1}),
    "a count with a zero in front": lambda d: d["sending"].update(upload={"01": 1}),
    "a count beyond": lambda d: d["sending"].update(upload={"9" * 5000: 1}),
    "an unknown mode": lambda d: d["directory"].update(mode="hidden"),
    "a head key of another length": lambda d: d["directory"].update(key="AAAA"),
    "an issuer that is a list": lambda d: d["authorization"].update(issuer=[]),
}


@pytest.mark.parametrize("change", FAULTS.values(), ids=FAULTS.keys())
def test_one_wrong_member_spoils_the_document(change: Change) -> None:  # SVC-21
    wrong = example()
    decode(wrong)
    change(wrong)
    assert refusal(json.dumps(wrong).encode()) is ErrorClass.MALFORMED


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"[]", b"{", b"null", b'{"version":1,"version":1,"revision":0,"operator":""}', b"[" * 60_000],
)
def test_what_is_no_object_of_json_is_malformed(data: bytes) -> None:
    assert refusal(data) is ErrorClass.MALFORMED


def test_a_document_speaks_for_its_own_origin() -> None:  # SVC-21
    data = json.dumps(example()).encode()
    assert refusal(data, "https://other.example") is ErrorClass.MALFORMED


def test_a_document_has_at_most_65536_bytes() -> None:  # SVC-21
    data = json.dumps(example()).encode()
    assert Document.decode(data.ljust(MOST), ORIGIN) == decode(example())
    assert refusal(data.ljust(MOST + 1)) is ErrorClass.TOO_LARGE


@given(st.binary(max_size=200), st.integers(0, 4000), st.integers(0, 4000))
def test_damage_gives_a_document_or_a_refusal(junk: bytes, begin: int, length: int) -> None:
    data = json.dumps(example()).encode()
    damaged = data[:begin] + junk + data[begin + length :]
    try:
        read = Document.decode(damaged, ORIGIN)
    except PeerError:
        return
    assert Document.decode(read.encode(), ORIGIN) == read


def test_a_document_is_used_for_an_hour() -> None:  # SVC-16
    assert [is_fresh(NOW_S, NOW_S + age) for age in (-1, 0, 3599, 3600)] == [False, True, True, False]
