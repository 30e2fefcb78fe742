"""What resolving an address costs, as a multiple of the public-key operations that it cannot do without.

Run: python -m tests.benchmarks.resolve

Ratios of medians over interleaved rounds in one process; absolute times depend on the machine and are printed beside
them for orientation. Nothing here is a test: a timed test fails on somebody else's machine.
"""

import statistics
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from communicator_impl import session as sessions
from communicator_impl.addresses import (
    KeySchedule,
    LabelRoot,
    LabelTable,
    Profile,
    TwoLayerRoot,
    TwoLayerTable,
    derive_label,
)
from communicator_impl.entropy import SystemEntropy
from communicator_impl.envelope import AddressTables, decode_request, label_request, resolve, two_layer_request
from communicator_impl.session_state import session_to_bytes
from communicator_spec.parameters import PARAMETERS

NOW = 1_767_225_600
UNTIL = NOW + 86_400
ROUNDS, REPEATS = 15, 60
ENTROPY = SystemEntropy()
Job = Callable[[], object]


def resolving() -> dict[str, Job]:
    """Jobs of the receiving service, and the sender's sealing."""
    schedule = KeySchedule.generate("https://rs.example", tuple(Profile), NOW, ENTROPY)
    tables = AddressTables(TwoLayerTable(), LabelTable())
    two, one = TwoLayerRoot.generate(ENTROPY), LabelRoot.generate(ENTROPY)
    tables.two_layer.register(two.registration())
    tables.label.register(one.grant(0, UNTIL, 1000, NOW))
    text = bytes(PARAMETERS.envelope.ciphertext_classes_bytes[0])
    key, label = schedule.config().sealing_key(NOW), derive_label(one.epoch_key(0), 0, 0)
    rdas = two.issue(schedule.config(), range(1), UNTIL, NOW, ENTROPY)[0]
    by_layers = two_layer_request(rdas, key, text, ENTROPY)
    by_label = label_request(label, key, text, ENTROPY)
    return {
        "resolve two-layer/1": lambda: resolve(decode_request(by_layers), schedule, tables, NOW),
        "resolve label/1": lambda: resolve(decode_request(by_label), schedule, tables, NOW),
        "seal two-layer/1": lambda: two_layer_request(rdas, key, text, ENTROPY),
        "seal label/1": lambda: label_request(label, key, text, ENTROPY),
    }


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


def primitives() -> dict[str, Job]:
    """The bare operations: one X25519 agreement, one Ed25519 verification."""
    secret, signer = X25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    public, verifier = secret.public_key(), signer.public_key()
    signature = signer.sign(bytes(73))
    return {"X25519": lambda: secret.exchange(public), "Ed25519 verify": lambda: verifier.verify(signature, bytes(73))}


def measure(jobs: dict[str, Job]) -> dict[str, float]:
    """Return the median time of each job in seconds; rounds are interleaved, so drift hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            begin = time.perf_counter()
            for _ in range(REPEATS):
                job()
            times[name].append((time.perf_counter() - begin) / REPEATS)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Print one line a job."""
    medians = measure(primitives() | resolving() | talking())
    x25519, verify = medians["X25519"], medians["Ed25519 verify"]
    floors = {"resolve two-layer/1": 2 * x25519 + verify, "resolve label/1": x25519}
    for name, seconds in medians.items():
        floor = floors.get(name, x25519)
        what = "bare operations" if name in floors else "X25519"
        print(f"{name:26}{seconds * 1e6:9.1f} µs{seconds / floor:8.2f} × {what}")


if __name__ == "__main__":
    main()
