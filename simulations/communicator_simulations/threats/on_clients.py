"""Attacks on what devices do: T8, T11 and T12, on real cores that do as the drafts say, and on those of the standard.

What the drafts leave to a client, a drafted client does: it seals to whatever key a service serves to it, it submits at
the operator that also receives for the peer, and after an error it goes over to the long-term address and stays there.
"""

from collections.abc import Sequence
from typing import Final

import cbor2

from communicator_impl import hpke
from communicator_impl.addresses import KeySchedule, Profile, SealingKey, ServiceConfig
from communicator_impl.addresses.values import seal_info
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import PeerError
from communicator_impl.outbox import Outbox
from communicator_impl.pairing import pair
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import IssueGrant, RegisterRoot, Setting
from communicator_impl.peer_addresses import PeerAddresses
from communicator_impl.receiving_service import ReceivingService
from communicator_impl.relationship_manager import RelationshipManager, Step
from communicator_impl.storage import MemoryStorage
from communicator_impl.turn import Turn
from communicator_simulations.faults.broken_cores import ForgetsWhatIsSpent
from communicator_simulations.faults.plan import DAY, HOUR, Fault, FaultPlan, Person, What
from communicator_simulations.faults.world import PlannedWorld
from communicator_simulations.real import Parts, Travel, Views, impl_fidelity
from communicator_simulations.threats.on_addresses import Shown, entropy_of
from communicator_spec import NONE, Command, Grant, Kind, Path, Row
from communicator_spec.parameters import PARAMETERS
from communicator_spec.terms import standard_terms

__all__ = ["t8_drafted", "t8_standard", "t11_drafted", "t11_standard", "t12_drafted", "t12_standard"]

_A: Final = PARAMETERS.address
SENDERS: Final = 5
_SERVICES: Final = 4
_RENEWS_MS: Final = 6 * 86_400_000  # by then ephemeral addresses are renewed, and a set travels


# ---------------------------------------------------------------------- T8


class SealsToWhatIsServed(PeerAddresses):
    """Seals to the key that the service serves, not to the one that the peer names."""

    def _key(self, turn: Turn, service: int) -> SealingKey | None:
        config = self._book.config(service)
        return None if config is None else config.sealing_key(turn.now_s)


class DraftedManager(RelationshipManager):
    """A device of the drafts."""

    peer_type = SealsToWhatIsServed


class _Book:
    """What one person's device is served: of service 0 perhaps something else than everybody."""

    def __init__(self, configs: Sequence[ServiceConfig], served: ServiceConfig | None = None) -> None:
        self._configs = [served or configs[0], *configs[1:]]

    def number(self, uri: str) -> int:
        return int(uri.removeprefix("https://p").removesuffix(".example"))

    def uri(self, number: int) -> str:
        return f"https://p{number:02}.example"

    def config(self, number: int) -> ServiceConfig | None:
        return self._configs[number]


class _Up:
    receiving = [True] * _SERVICES
    sending = [True] * _SERVICES


def _tagging(seed: int, manager: type[RelationshipManager], *, compares: bool) -> Shown:
    """Serve each correspondent a key of its own, and tell from each request which of these keys opens it.

    1. the service makes a tag, a key pair, for each correspondent  2. each pairs with one person, and writes
    3. the service tries all tags  4. the person's answer arrives, and the correspondent compares configurations
    """
    entropy = entropy_of(seed, "T8")
    uris = [f"https://p{n:02}.example" for n in range(_SERVICES)]
    cores = [ReceivingService(n, uri, (Profile.LABEL, Profile.TWO_LAYER), 0, MemoryStorage(),
                              entropy.fork(uri), lambda event: None) for n, uri in enumerate(uris)]  # fmt: skip
    tags = [KeySchedule.generate(uris[0], tuple(Profile), 0, entropy.fork(f"tag {n}")) for n in range(SENDERS)]  # 1
    known = noticed = 0
    for number, tag in enumerate(tags):
        sender = _device(manager, number, _Book([c.config() for c in cores], tag.config()), entropy)
        reader = _device(RelationshipManager, 100 + number, _Book([c.config() for c in cores]), entropy)
        steps = pair(0, (sender, reader), (0, 0), (Setting((2, 3), (1, 2)), Setting((0, 1), (2, 3))))  # 2
        for step in steps:
            _carry_out(cores, step)
        request = _written(sender, 0)
        opened = [n for n, other in enumerate(tags) if _opens(other, request)]  # 3
        known += opened == [number]
        noticed += compares and _compares(cores, reader, sender)  # 4
    how = f"correspondents told by their key {known}/{SENDERS}"
    return Shown(known, SENDERS, f"{how}, noticed by {noticed}/{SENDERS}" if compares else how)


def _device(
    manager: type[RelationshipManager], person: int, book: _Book, entropy: SeededEntropy
) -> RelationshipManager:
    own = entropy.fork(f"person {person}")
    return manager(person, standard_terms(), book, MemoryStorage(), own, lambda event: None, (Profile.LABEL,))


def _carry_out(cores: Sequence[ReceivingService], step: Step) -> None:
    for asked in step.requests:
        match asked:
            case RegisterRoot(service, root, verify_key, _):
                cores[service].register_root(root, verify_key)
            case IssueGrant(service, grant, _):
                cores[service].issue(grant)


def _written(device: RelationshipManager, service: int, now_ms: int = 0) -> bytes:
    """Let a device write until something goes to this service, and return that request."""
    for turn in range(8):
        device.submit(now_ms + turn, 0, b"%d" % turn)
        for out in device.wake(now_ms + turn, 0, _Up()).transmissions:
            if out.service == service:
                return out.request
    raise AssertionError("services take turns")


def _opens(tag: KeySchedule, request: bytes) -> bool:
    sealed = cbor2.loads(request)[2]
    info = seal_info(_A.seal_label, Profile.LABEL, sealed[0], tag.uri)
    try:
        hpke.open_sealed(hpke.KeyPair(tag.outer[0].secret, b"").private_key(), info, sealed[1:])
    except PeerError:
        return False
    return True


def _compares(cores: Sequence[ReceivingService], writer: RelationshipManager, reader: RelationshipManager) -> bool:
    """Let the person write back, with fresh addresses; tell whether the correspondent's device sees a difference."""
    service = reader.own_grants(0)[0][0].service
    cores[service].accept(_RENEWS_MS, _written(writer, service, _RENEWS_MS))
    root = reader.root(0, service)
    assert root is not None
    return 0 in reader.receive(_RENEWS_MS + 1000, 0, service, cores[service].fetch(root)).differing


# ---------------------------------------------------------------------- T11


class _Operators(Views):
    """What each operator sees on its two sides: from whose device bytes come, and which bytes come to a root."""

    def __init__(self) -> None:
        self.submitted_at: dict[bytes, int] = {}
        self.both: set[bytes] = set()
        self.posted_at: set[bytes] = set()

    def submitted(self, now_ms: int, travel: Travel) -> None:
        """A sending service got an envelope."""
        self.submitted_at[travel.parcel] = travel.via

    def posted(self, now_ms: int, service: int, request: bytes) -> None:
        """A receiving service got a request: the same bytes."""
        self.posted_at.add(request)
        if self.submitted_at.get(request) == service:
            self.both.add(request)


class StaysAtHome(Outbox):
    """Chooses as the standard does, then submits at the operator that receives, if it is one's own as well."""

    def _choose(
        self, turn: Turn, offers: Sequence[Grant], senders: Sequence[int], attempt: int, *, news: bool
    ) -> Path | None:
        path = super()._choose(turn, offers, senders, attempt, news=news)
        return path if path is None or path.grant.service not in senders else Path(path.grant.service, path.grant)

    def _send_control(self, turn: Turn, command: Command, most: int, apart: int = NONE) -> int:
        return super()._send_control(turn, command, most)


def _one_operator(seed: int, parts: Parts | None) -> Shown:
    plan = FaultPlan(seed, 3 * DAY, DAY, 4, (Person((0, 1), (0, 1)),) * 4, ((0, 1), (1, 2), (2, 3), (0, 3)),
                     writes=tuple((hour * HOUR, hour % 8) for hour in range(1, 49)))  # fmt: skip
    seen = _Operators()
    PlannedWorld(plan, impl_fidelity(plan.profile, seed, parts, seen), list[Row]()).run()
    both, of = len(seen.both), len(seen.posted_at)
    return Shown(both, of, f"messages of which one operator saw both ends {both}/{of}")


def t11_drafted(seed: int) -> Shown:
    """An operator compares what devices hand over with what comes to its roots; clients stay with one operator."""
    return _one_operator(seed, Parts(outbox=StaysAtHome))


def t11_standard(seed: int) -> Shown:
    """The same people, whose clients refuse that pair as long as they have another."""
    return _one_operator(seed, None)


# ---------------------------------------------------------------------- T12


class FallsBack(PeerAddresses):
    """After an error it uses the long-term address, one and the same, and stays with it."""

    def offers(self, turn: Turn) -> tuple[Grant, ...]:
        """Return long-term grants alone, once there was an error."""
        held = super().offers(turn)
        return tuple(grant for grant in held if grant.long_term) if turn.particle.suspects else held

    def take(self, p: Particle, grant: Grant) -> int:
        """Return the same position of a long-term grant again and again."""
        return 0 if grant.long_term and p.suspects else super().take(p, grant)


def _forced(seed: int, parts: Parts | None) -> Shown:
    """Answer nobody for a day, then count what comes to an address that something has come to before."""
    outage = [Fault(2 * HOUR, What.LOSE, "receiving", service, DAY) for service in (2, 3)]
    plan = FaultPlan(seed, 6 * DAY, DAY, 4, (Person((0, 1), (2, 3)), Person((2, 3), (0, 1))), ((0, 1),),
                     writes=tuple((hour * HOUR, 0) for hour in (1, 3, *range(30, 140, 5))),
                     faults=tuple(outage))  # fmt: skip
    log: list[Row] = []
    PlannedWorld(plan, impl_fidelity(plan.profile, seed, parts), log).run()
    lasting = {(row[2], row[4], row[5]) for row in log if row[1] == Kind.ISSUED and row[6]}
    after = [row for row in log if row[1] == Kind.STORED and row[2] == 1 and row[0] > 29 * HOUR * 60_000]
    pinned = sum((row[2], row[4], row[5]) in lasting for row in after)
    addresses = len({row[4:7] for row in after})
    how = f"messages at a long-term address afterwards {pinned}/{len(after)}, at {addresses} addresses"
    return Shown(pinned, len(after), how)


def t12_drafted(seed: int) -> Shown:
    """Two receiving services answer nobody for a day; the device goes over to one long-term address, and stays."""
    return _forced(seed, Parts(peer=FallsBack, receiving=ForgetsWhatIsSpent))


def t12_standard(seed: int) -> Shown:
    """The same day, and a device that keeps to the rules."""
    return _forced(seed, None)


def t8_drafted(seed: int) -> Shown:
    """A service serves each correspondent a key of its own; the drafts' devices seal to it."""
    return _tagging(seed, DraftedManager, compares=False)


def t8_standard(seed: int) -> Shown:
    """The same service, and devices that seal to the key that the peer names and compare what they are served."""
    return _tagging(seed, RelationshipManager, compares=True)
