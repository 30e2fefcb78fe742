"""The envelope: what a sending service hands to a receiving service, and what that hands to the
device.

Theory. A sending service sees a receiving service's name and a box of one size; a receiving service
opens the box, finds a root and a ciphertext of one size, and hands the ciphertext to whoever
fetches that root. Nothing of the plaintext, of the people or of the kind of message shows in
either.

::

    two-layer/1   {0: 1, 1: 1, 2: SDA(186), 3: ciphertext(2,800)}                    2,998 bytes
    label/1       {0: 1, 1: 2, 2: generation(1) ‖ key(32) ‖ sealed[label(16) ‖
                                  ciphertext(2,800)] ‖ tag(16)}                      2,874 bytes
    delivery      {0: 1, 1: number, 2: ciphertext(2,800), 3: index, ?4: epoch}     ≤ 2,829 bytes

Rules:

1. A request is at most 4,096 bytes, a delivery at most 2,900 (ENV-2, ENV-7).
2. Only what does not depend on the address may change the outward answer: size and outer form.
   `decode_request` raises for those; whatever `resolve` raises stays inside the service (ENV-8).
3. `resolve` changes nothing. `spend` does, in the same transaction that stores the ciphertext
   (ADDR-17).
"""

from typing import Final, NamedTuple

import msgspec

from communicator_impl import hpke, wire
from communicator_impl.addresses import (
    KeySchedule,
    Label,
    LabelResolution,
    LabelTable,
    Position,
    Profile,
    Rdas,
    Root,
    Sda,
    SealingKey,
    SpentBlock,
    TwoLayerResolution,
    TwoLayerTable,
    diversify,
    seal_labelled,
)
from communicator_impl.entropy import Entropy
from communicator_impl.errors import PeerError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "AddressTables",
    "Arrival",
    "Delivery",
    "LabelRequest",
    "TwoLayerRequest",
    "decode_request",
    "label_request",
    "resolve",
    "spend",
    "two_layer_request",
]

_E = PARAMETERS.envelope
_TWO_LAYER_FIELDS, _LABEL_FIELDS, _DELIVERY_FIELDS = map(frozenset, (range(4), range(3), range(4)))
_EPOCH_FIELD = frozenset({4})
_SEALED_BYTES_MAX = _E.request_bytes_max


class TwoLayerRequest(msgspec.Struct, frozen=True):
    """A request of profile two-layer/1."""

    address: Sda
    ciphertext: bytes


class LabelRequest(msgspec.Struct, frozen=True):
    """A request of profile label/1."""

    sealed: bytes


class AddressTables(msgspec.Struct, frozen=True):
    """What a receiving service resolves addresses with."""

    two_layer: TwoLayerTable
    label: LabelTable


class Arrival(msgspec.Struct, frozen=True):
    """A message that resolved: for which root, and what to spend when it is stored."""

    root: Root
    ciphertext: bytes
    resolution: TwoLayerResolution | LabelResolution


class Delivery(msgspec.Struct, frozen=True):
    """One stored message on its way to the device that fetches a root, and which of its addresses it came to (ENV-21).

    `epoch` is there in label/1; in two-layer/1 the index alone names an address.
    """

    number: int
    ciphertext: bytes
    index: int
    epoch: int | None = None

    def encode(self) -> bytes:
        """Return what reaches the device."""
        fields = {0: _E.version, 1: self.number, 2: self.ciphertext, 3: self.index}
        data = wire.encode(fields if self.epoch is None else fields | {4: self.epoch})
        if len(data) > _E.device_bytes_max:  # ENV-7
            raise PeerError(ErrorClass.TOO_LARGE, "delivery")
        return data

    @classmethod
    def decode(cls, data: bytes) -> "Delivery":
        """Read what a receiving service delivered."""
        f = wire.fields(wire.decode(data, _E.device_bytes_max), _DELIVERY_FIELDS, _EPOCH_FIELD)
        if wire.uint(f[0]) != _E.version:
            raise wire.wrong("unknown delivery version")
        epoch = wire.uint(f[4], PARAMETERS.address.epoch_max) if 4 in f else None
        index = wire.uint(f[3], PARAMETERS.address.index_max)
        return cls(wire.uint(f[1]), _of_a_class(wire.octets(f[2])), index, epoch)


def two_layer_request(address: Rdas, key: SealingKey, ciphertext: bytes, entropy: Entropy) -> bytes:
    """Make the request for one message to a two-layer/1 address (ENV-6); another length of either is `MALFORMED`."""
    sealed = diversify(address, key, _of_a_class(ciphertext), entropy)
    return wire.encode({0: _E.version, 1: int(Profile.TWO_LAYER), 2: sealed, 3: ciphertext})


def label_request(label: Label, key: SealingKey, ciphertext: bytes, entropy: Entropy) -> bytes:
    """Make the request for one message to a label/1 address (ENV-6); another length of either is `MALFORMED`."""
    sealed = seal_labelled(label, _of_a_class(ciphertext), key, entropy)
    return wire.encode({0: _E.version, 1: int(Profile.LABEL), 2: sealed})


def decode_request(data: bytes) -> TwoLayerRequest | LabelRequest:
    """Read the outer form of a request: `TOO_LARGE` or `MALFORMED`, whatever the address says.

    There is one encoding (ENV-1), so well-formed requests of one length differ in their byte strings alone, and one
    look at what stands around those is enough. Anything else is read item by item, and fails there.
    """
    form = _FORMS.get(len(data))
    if form is None or not data.startswith(form.head) or not data.startswith(form.between, form.end):
        return _read_request(data)
    first = data[len(form.head) : form.end]
    if not form.between:
        return LabelRequest(first)
    return TwoLayerRequest(Sda(first), data[form.end + len(form.between) :])


def _read_request(data: bytes) -> TwoLayerRequest | LabelRequest:
    value = wire.decode(data, _E.request_bytes_max)  # ENV-2
    profile = value.get(1) if isinstance(value, dict) else None
    if profile == Profile.LABEL:
        f = wire.fields(value, _LABEL_FIELDS)
        request: TwoLayerRequest | LabelRequest = LabelRequest(wire.octets(f[2], most=_SEALED_BYTES_MAX))
    elif profile == Profile.TWO_LAYER:
        f = wire.fields(value, _TWO_LAYER_FIELDS)
        address = Sda(wire.octets(f[2], PARAMETERS.address.sda_bytes))
        request = TwoLayerRequest(address, _of_a_class(wire.octets(f[3])))
    else:
        raise wire.wrong("unknown profile")
    if wire.uint(f[0]) != _E.version or wire.uint(f[1]) != profile:
        raise wire.wrong("unknown envelope version")  # ENV-5
    return request


class _Form(NamedTuple):
    """Requests of one length: `head` ‖ a byte string that ends at `end` ‖ `between` ‖ the other one, if any."""

    head: bytes
    end: int
    between: bytes = b""


def _forms() -> dict[int, _Form]:
    """Return the form of the requests of each profile and size class, by their length."""
    forms = {}
    for size in _E.ciphertext_classes_bytes:
        sealed = bytes(1 + hpke.OVERHEAD + PARAMETERS.address.label_bytes + size)
        whole = wire.encode({0: _E.version, 1: int(Profile.LABEL), 2: sealed})
        forms[len(whole)] = _Form(whole.removesuffix(sealed), len(whole))
        address, ciphertext = bytes(PARAMETERS.address.sda_bytes), bytes(size)
        whole = wire.encode({0: _E.version, 1: int(Profile.TWO_LAYER), 2: address, 3: ciphertext})
        between = wire.encode({3: ciphertext})[1:].removesuffix(ciphertext)
        rest = between + ciphertext
        forms[len(whole)] = _Form(whole.removesuffix(address + rest), len(whole) - len(rest), between)
    return forms


_FORMS: Final = _forms()


def resolve(request: TwoLayerRequest | LabelRequest, schedule: KeySchedule, tables: AddressTables, now: int) -> Arrival:
    """Find the root of a request; changes nothing, and its error class stays inside the service."""
    if isinstance(request, TwoLayerRequest):
        found = tables.two_layer.resolve(request.address, request.ciphertext, schedule, now)
        return Arrival(found.root, request.ciphertext, found)
    labelled = tables.label.resolve(request.sealed, schedule, now)
    return Arrival(labelled.root, _of_a_class(labelled.ciphertext), labelled)


def spend(arrival: Arrival, tables: AddressTables) -> SpentBlock | Position:
    """Spend the address of an arrival and return the record to store with the message (ADDR-17)."""
    if isinstance(arrival.resolution, TwoLayerResolution):
        return tables.two_layer.spend(arrival.resolution)
    return tables.label.spend(arrival.resolution)


def _of_a_class(ciphertext: bytes) -> bytes:
    if len(ciphertext) not in _E.ciphertext_classes_bytes:  # ENV-9
        raise wire.wrong("ciphertext of no size class")
    return ciphertext
