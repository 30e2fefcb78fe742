"""What resolving an address costs, beside the bare primitives that it cannot do without.

Run: python -m tests.benchmarks resolve

*Bare* are the same calls of `cryptography` and `hashlib` on the same bytes, in a plain function: keys are loaded,
inputs lie ready, and nothing is read or checked. *Resolve* is what the service does with the bytes of a request: read
the outer form, open, find the root, check. Neither profile can do with fewer public-key operations:

=========== ===================================================================================
two-layer/1 two openings of HPKE (agreement, key derivation, cipher), SHA-256, one verification
label/1     one opening of HPKE
=========== ===================================================================================

The other rows are orientation: seals and messages as multiples of one X25519 agreement.
"""

import hashlib
import statistics
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from tests.benchmarks._figures import Row, Titled, ratio

from communicator_impl import session as sessions
from communicator_impl.addresses import (
    KeySchedule,
    LabelRoot,
    LabelTable,
    Profile,
    Rdas,
    SealingKey,
    TwoLayerRoot,
    TwoLayerTable,
    derive_label,
)
from communicator_impl.addresses.values import seal_info
from communicator_impl.entropy import SystemEntropy
from communicator_impl.envelope import (
    AddressTables,
    LabelRequest,
    TwoLayerRequest,
    decode_request,
    label_request,
    resolve,
    two_layer_request,
)
from communicator_impl.session_state import session_to_bytes
from communicator_spec.parameters import PARAMETERS

__all__ = ["tables"]

NOW = 1_767_225_600
UNTIL = NOW + 86_400
ROUNDS, REPEATS = 25, 60
ENTROPY = SystemEntropy()
ADDRESS = PARAMETERS.address
CIPHERTEXT = bytes(PARAMETERS.envelope.ciphertext_classes_bytes[0])
SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
Job = Callable[[], object]


class Service(NamedTuple):
    """A receiving service with one root of each profile, and what a sender of one message to each of them has."""

    schedule: KeySchedule
    tables: AddressTables
    key: SealingKey
    two_layer: TwoLayerRoot
    address: Rdas
    label: LabelRoot

    @classmethod
    def make(cls) -> "Service":
        schedule = KeySchedule.generate("https://rs.example", tuple(Profile), NOW, ENTROPY)
        held = AddressTables(TwoLayerTable(), LabelTable())
        two, one = TwoLayerRoot.generate(ENTROPY), LabelRoot.generate(ENTROPY)
        held.two_layer.register(two.registration())
        held.label.register(one.grant(0, UNTIL, 1000, NOW))
        address = two.issue(schedule.config(), range(1), UNTIL, NOW, ENTROPY)[0]
        return cls(schedule, held, schedule.config().sealing_key(NOW), two, address, one)

    def by_layers(self) -> bytes:
        return two_layer_request(self.address, self.key, CIPHERTEXT, ENTROPY)

    def by_label(self) -> bytes:
        return label_request(derive_label(self.label.epoch_key(0), 0, 0), self.key, CIPHERTEXT, ENTROPY)

    def info(self, label: str, profile: Profile, bound: bytes = b"") -> bytes:
        return seal_info(label, profile, 0, self.schedule.uri, bound)


def resolving(service: Service) -> dict[Profile, Job]:
    """What the service does with a request; it changes nothing, so it may be repeated."""
    schedule, held = service.schedule, service.tables
    layers, label = service.by_layers(), service.by_label()
    return {
        Profile.TWO_LAYER: lambda: resolve(decode_request(layers), schedule, held, NOW),
        Profile.LABEL: lambda: resolve(decode_request(label), schedule, held, NOW),
    }


def bare(service: Service) -> dict[Profile, Job]:
    """The bare primitives of each profile."""
    outer = X25519PrivateKey.from_private_bytes(service.schedule.outer[0].secret)
    inner = X25519PrivateKey.from_private_bytes(service.schedule.inner[0].secret)
    verifier = Ed25519PublicKey.from_public_bytes(service.two_layer.registration().verify_key)
    digest = hashlib.sha256(CIPHERTEXT).digest()
    outer_info = service.info(ADDRESS.outer_label, Profile.TWO_LAYER, digest)
    inner_info = service.info(ADDRESS.inner_label, Profile.TWO_LAYER)
    label_info = service.info(ADDRESS.seal_label, Profile.LABEL)
    rda, signature = service.address[: ADDRESS.rda_bytes], service.address[ADDRESS.rda_bytes :]
    signed, inner_box = ADDRESS.signature_label.encode() + b"\0" + rda, rda[1:]
    layers, labelled = decode_request(service.by_layers()), decode_request(service.by_label())
    assert isinstance(layers, TwoLayerRequest)
    assert isinstance(labelled, LabelRequest)
    outer_box, label_box = layers.address[1:], labelled.sealed[1:]

    def two_layer() -> None:
        hashlib.sha256(CIPHERTEXT).digest()
        SUITE.decrypt(outer_box, outer, outer_info)
        SUITE.decrypt(inner_box, inner, inner_info)
        verifier.verify(signature, signed)

    def label() -> None:
        SUITE.decrypt(label_box, outer, label_info)

    return {Profile.TWO_LAYER: two_layer, Profile.LABEL: label}


def sealing(service: Service) -> dict[str, Job]:
    """What a sender does."""
    return {"seal two-layer/1": service.by_layers, "seal label/1": service.by_label}


def talking() -> dict[str, Job]:
    """Jobs of the two ends: a stream in one direction, and a conversation with a turn a message."""
    ends = list(sessions.pair(NOW, ENTROPY, ENTROPY))

    def send(sender: int) -> None:
        ends[sender], text = sessions.seal(ends[sender], bytes(256), ENTROPY)
        ends[1 - sender], _ = sessions.open_message(ends[1 - sender], text, ENTROPY)

    def two_turns() -> None:
        send(0)
        send(1)

    return {
        "message in a stream": lambda: send(0),
        "two messages, two turns": two_turns,
        "encode a session": lambda: session_to_bytes(ends[0]),
    }


def agreeing() -> dict[str, Job]:
    """One X25519 agreement, the unit of the other rows."""
    secret = X25519PrivateKey.generate()
    public = secret.public_key()
    return {"X25519": lambda: secret.exchange(public)}


def measured(jobs: dict[str, Job], rounds: int) -> dict[str, list[float]]:
    """Return the time of each job in each round in microseconds; jobs take turns, so drift hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            begin = time.perf_counter()
            for _ in range(REPEATS):
                job()
            times[name].append((time.perf_counter() - begin) / REPEATS * 1e6)
    return times


def tables(is_short: bool) -> Iterator[Titled]:
    """Yield both tables."""
    rounds, service = 2 if is_short else ROUNDS, Service.make()
    names = {Profile.TWO_LAYER: "two-layer/1", Profile.LABEL: "label/1"}
    kinds = {"bare": bare(service), "resolve": resolving(service)}
    both = {f"{kind} {names[profile]}": job for kind, jobs in kinds.items() for profile, job in jobs.items()}
    times = measured(dict(sorted(both.items(), key=lambda item: item[0].split()[1])), rounds)
    title = "speed of resolving, as a share of the bare primitives'"
    yield title, [_compared(name, times[f"bare {name}"], times[f"resolve {name}"]) for name in names.values()]
    others = {n: statistics.median(v) for n, v in measured(agreeing() | sealing(service) | talking(), rounds).items()}
    yield "orientation", [{"what": name, "µs": us, "× X25519": us / others["X25519"]} for name, us in others.items()]


def _compared(name: str, bare_us: list[float], resolve_us: list[float]) -> Row:
    medians = {"bare µs": statistics.median(bare_us), "resolve µs": statistics.median(resolve_us)}
    return {"profile": name, **medians, **ratio(bare_us, resolve_us).row(), "asked": 0.85}
