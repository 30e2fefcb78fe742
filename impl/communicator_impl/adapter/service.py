"""The receiving service's half of the reference adapter.

It translates and decides nothing; a service is a handle, and `spend` is `resolve` with the effect.
"""

import msgspec

from communicator_impl import addresses as a
from communicator_impl import envelope
from communicator_impl.adapter.lines import Call, Operation
from communicator_impl.addresses.values import root

__all__ = ["SERVICE_OPERATIONS"]


class Service(msgspec.Struct):
    """A receiving service: its keys and its tables."""

    keys: a.KeySchedule
    tables: envelope.AddressTables


def _load_service(c: Call) -> object:
    outer, inner = (tuple(map(_generation, c.rows(kind))) for kind in ("outer", "inner"))
    keys = a.KeySchedule(c["uri"], tuple(a.Profile), outer, inner)
    config = keys.config().encode()
    a.ServiceConfig.decode(config)  # never publishes what nobody could read
    tables = envelope.AddressTables(a.TwoLayerTable(), a.LabelTable())
    return c.keep(Service(keys, tables), config=config)


def _generation(c: Call) -> a.SecretGeneration:
    public = a.Generation(c.number("number"), c.raw("public"), c.number("from_s"), c.number("until_s"))
    return a.SecretGeneration(c.secret("secret"), public)


def _erase(c: Call) -> None:
    c.of("service", Service).keys = _keys(c).erased(c.now)
    _tables(c).two_layer.erase(c.now)
    _tables(c).label.erase(c.now)


def _keys(c: Call) -> a.KeySchedule:
    return c.of("service", Service).keys


def _tables(c: Call) -> envelope.AddressTables:
    return c.of("service", Service).tables


def _root(c: Call) -> a.Root:
    return root(c.raw("root"))


def _register_epoch(c: Call) -> None:
    epoch, until_s, capacity, lanes = map(c.number, ("epoch", "valid_until_s", "capacity", "lanes"))
    grant = a.LabelGrant(_root(c), epoch, a.EpochKey(c.raw("key")), until_s, capacity, lanes)
    _tables(c).label.register(grant)


def _resolve(c: Call, profile: str, spend: bool = False) -> object:
    table = getattr(_tables(c), profile)
    parts = (c.raw("sealed"),) if profile == "label" else (c.raw("address"), c.raw("ciphertext"))
    found = table.resolve(*parts, _keys(c), c.now)
    if spend:
        table.spend(found)
    return found


def _take(c: Call, spend: bool = False) -> object:
    request = envelope.decode_request(c.raw("envelope"))
    arrival = envelope.resolve(request, _keys(c), _tables(c), c.now)
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
    "label.revoke": lambda c: _tables(c).label.revoke(_root(c), c.optional("epoch")),
    "envelope.resolve": lambda c: _take(c),
    "envelope.spend": lambda c: _take(c, spend=True),
}
