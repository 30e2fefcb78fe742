"""Address sets: all that a correspondent holds of one's receiving services, complete and versioned.

Theory. A set is never a difference, so any later version replaces a lost one, and two ends never have to agree on how
they got there. It names each receiving service with the keys to seal to it and with grants: an epoch of label/1, or a
numbered batch of single-use addresses of two-layer/1. Stock that an earlier version carried is named without being
sent again.

::

    WireSet        {0: version, 1: [ServiceEntry …]}
    ServiceEntry   {0: uri, 1: profile, 2: {0: suite, 1: [outer generation …]}, 3: [WireGrant …]}
    WireGrant      {0: serial, 1: long-term, 2: valid until, 3: capacity, 4: secret}
    secret         label/1: the epoch key; two-layer/1: array of RDAS, empty when an earlier version carried it

Rules:

1. Dates are whole hours in seconds (ADDR-4).
2. The profile of an entry decides what the secrets of its grants are (ENV-19); no service appears twice (ENV-13), and
   in an entry no generation.
3. `decode_set` accepts exactly what `encode_set` writes.
"""

from typing import Self

import msgspec

from communicator_impl import wire
from communicator_impl.addresses.config import Generation, newest_live, read_generations, service_uri
from communicator_impl.addresses.values import EpochKey, Profile, Rdas, SealingKey, epoch_key, hours_of, rdas
from communicator_spec.parameters import PARAMETERS

__all__ = ["ServiceEntry", "WireGrant", "WireSet", "decode_set", "encode_set"]

_A, _E = PARAMETERS.address, PARAMETERS.envelope
_SET_FIELDS, _ENTRY_FIELDS, _GRANT_FIELDS = map(frozenset, (range(2), range(4), range(5)))
_SET_BYTES_MAX = _E.device_bytes_max
_DATE_MAX_S = _A.hours_max * _A.date_granularity_s


class WireGrant(msgspec.Struct, frozen=True):
    """One grant: an epoch of label/1, or a numbered batch of two-layer/1."""

    serial: int
    long_term: bool
    valid_until_s: int
    capacity: int
    secret: EpochKey | tuple[Rdas, ...]

    def to_wire(self) -> dict[int, object]:
        """Return the wire form."""
        hours_of(self.valid_until_s)
        secret = list(self.secret) if isinstance(self.secret, tuple) else self.secret
        return {0: self.serial, 1: self.long_term, 2: self.valid_until_s, 3: self.capacity, 4: secret}

    @classmethod
    def from_wire(cls, value: object, profile: Profile) -> Self:
        """Read the wire form; the profile decides what the secret is."""
        f = wire.fields(value, _GRANT_FIELDS)
        valid_until_s = wire.uint(f[2], _DATE_MAX_S)
        if valid_until_s % _A.date_granularity_s:  # ADDR-4
            raise wire.wrong("a valid-until date is not a whole hour")
        return cls(
            wire.uint(f[0], _A.epoch_max),
            wire.boolean(f[1]),
            valid_until_s,
            wire.uint(f[3], _A.grant_capacity_max),
            _secret(f[4], profile),
        )


class ServiceEntry(msgspec.Struct, frozen=True):
    """One receiving service of a set: where, how to seal to it, and what may be sent there."""

    uri: str
    profile: Profile
    generations: tuple[Generation, ...]
    grants: tuple[WireGrant, ...]

    def sealing_key(self, now: int) -> SealingKey:
        """Return the newest live key (ADDR-30); `EXPIRED` when the service's configuration must be fetched."""
        key = newest_live(self.generations, now)
        return SealingKey(self.uri, key.number, key.public)

    def to_wire(self) -> dict[int, object]:
        """Return the wire form."""
        keys = {0: PARAMETERS.suite.number, 1: [g.to_wire() for g in self.generations]}
        grants = [g.to_wire() for g in self.grants]
        return {0: self.uri, 1: int(self.profile), 2: keys, 3: grants}

    @classmethod
    def from_wire(cls, value: object) -> Self:
        """Read the wire form."""
        f = wire.fields(value, _ENTRY_FIELDS)
        number = wire.uint(f[1])
        if number not in Profile._value2member_map_:
            raise wire.wrong("unknown profile")
        profile, keys = Profile(number), wire.fields(f[2], _SET_FIELDS)
        if wire.uint(keys[0]) != PARAMETERS.suite.number:
            raise wire.wrong("unknown suite")
        grants = wire.array(f[3], _E.grants_max)
        return cls(
            service_uri(f[0]),
            profile,
            read_generations(keys[1]),
            tuple(WireGrant.from_wire(g, profile) for g in grants),
        )


class WireSet(msgspec.Struct, frozen=True):
    """A complete, versioned address set; a higher version replaces a lower one."""

    version: int
    services: tuple[ServiceEntry, ...]

    def to_wire(self) -> dict[int, object]:
        """Return the wire form."""
        return {0: self.version, 1: [s.to_wire() for s in self.services]}

    @classmethod
    def from_wire(cls, value: object) -> Self:
        """Read the wire form; each service appears once."""
        f = wire.fields(value, _SET_FIELDS)
        entries = wire.array(f[1], _E.services_max)
        services = tuple(ServiceEntry.from_wire(e) for e in entries)
        if len({s.uri for s in services}) != len(services):
            raise wire.wrong("a service repeats")  # ENV-13
        return cls(wire.uint(f[0], _E.number_max), services)


def encode_set(addresses: WireSet) -> bytes:
    """Encode an address set on its own, for storage and for exchange in person."""
    return wire.encode(addresses.to_wire())


def decode_set(data: bytes) -> WireSet:
    """Read what `encode_set` wrote."""
    return WireSet.from_wire(wire.decode(data, _SET_BYTES_MAX))


def _secret(value: object, profile: Profile) -> EpochKey | tuple[Rdas, ...]:
    if profile is Profile.LABEL:  # ENV-19
        return epoch_key(wire.octets(value))
    stock = wire.array(value, _A.grant_capacity_max)
    return tuple(rdas(wire.octets(item)) for item in stock)
