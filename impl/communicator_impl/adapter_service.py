"""The receiving service's half of the reference adapter.

It translates and decides nothing; a service is a handle, and `spend` is `resolve` with the effect.
"""

from typing import Any

import msgspec

from communicator_impl import addresses as a
from communicator_impl import envelope
from communicator_impl.adapter_lines import Call, Operation

__all__ = ["SERVICE_OPERATIONS"]


class Service(msgspec.Struct):
    """A receiving service: its keys and its tables."""

    keys: a.KeySchedule
    tables: envelope.AddressTables


def _load_service(c: Call) -> object:
    outer, inner = (tuple(map(_generation, c[kind])) for kind in ("outer", "inner"))
    keys = a.KeySchedule(c["uri"], tuple(a.Profile), outer, inner)
    tables = envelope.AddressTables(a.TwoLayerTable(), a.LabelTable())
    return c.keep(Service(keys, tables), config=keys.config().encode())


def _generation(row: dict[str, Any]) -> a.SecretGeneration:
    secret, public = bytes.fromhex(row["secret"]), bytes.fromhex(row["public"])
    return a.SecretGeneration(secret, a.Generation(row["number"], public, row["from_s"], row["until_s"]))


def _erase(c: Call) -> None:
    c.of("service").keys = c.of("service").keys.erased(c.now)
    _tables(c).two_layer.erase(c.now)
    _tables(c).label.erase(c.now)


def _tables(c: Call) -> envelope.AddressTables:
    tables: envelope.AddressTables = c.of("service").tables
    return tables


def _root(c: Call) -> a.Root:
    return a.Root(c.raw("root"))


def _register_epoch(c: Call) -> None:
    key = a.EpochKey(c.raw("key"))
    grant = a.LabelGrant(_root(c), c["epoch"], key, c["valid_until_s"], c["capacity"], c["lanes"])
    _tables(c).label.register(grant)


def _resolve(c: Call, profile: str, spend: bool = False) -> object:
    table = getattr(_tables(c), profile)
    parts = (c.raw("sealed"),) if profile == "label" else (c.raw("address"), c.raw("ciphertext"))
    found = table.resolve(*parts, c.of("service").keys, c.now)
    if spend:
        table.spend(found)
    return found


def _take(c: Call, spend: bool = False) -> object:
    request = envelope.decode_request(c.raw("envelope"))
    arrival = envelope.resolve(request, c.of("service").keys, _tables(c), c.now)
    if spend:
        envelope.spend(arrival, _tables(c))
    return {"root": arrival.root, "ciphertext": arrival.ciphertext}


SERVICE_OPERATIONS: dict[str, Operation] = {
    "service.load": _load_service,
    "service.erase": _erase,
    "address.register": lambda c: _tables(c).two_layer.register(a.TwoLayerRegistration(_root(c), c.raw("verify_key"))),
    "address.resolve": lambda c: _resolve(c, "two_layer"),
    "address.spend": lambda c: _resolve(c, "two_layer", spend=True),
    "address.revoke": lambda c: _tables(c).two_layer.revoke(_root(c)),
    "label.register": _register_epoch,
    "label.resolve": lambda c: _resolve(c, "label"),
    "label.spend": lambda c: _resolve(c, "label", spend=True),
    "label.revoke": lambda c: _tables(c).label.revoke(_root(c), c.args.get("epoch")),
    "envelope.resolve": lambda c: _take(c),
    "envelope.spend": lambda c: _take(c, spend=True),
}
