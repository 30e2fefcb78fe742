"""One's own addresses in one relationship: renewing, issuing, announcing a move, and giving a service up.

Theory. What a peer holds is one complete set of grants; the policy `renew` decides what belongs into the next one. This
part turns its decision into secrets and into requests to receiving services. At each service a relationship has one
root (ADDR-5). In label/1 a grant is an epoch whose key the service and the peer get; in two-layer/1 it is a batch of
signed addresses that only the peer gets, numbered serial << 16 | position.

A set travels until the peer confirmed its version. Epoch keys are short and travel each time; a batch of two-layer/1
is long, and once the peer has confirmed a version that carried it, later sets name it with an empty stock.

Rules:

1. The steps and their order are those of the population model; `renew` and `release_at` decide.
2. A service whose configuration is unknown, or has no key that outlives the address, counts as out of reach.
3. Secrets of grants that left the set are erased with the set that drops them.
4. Beside the keys of suite 2 there is less room: a contact, and the set of an end that waits for the first reply, name
   the first two services, and stock of two-layer/1 is long-term only (4.5).
"""

from itertools import groupby
from typing import Final

from communicator_impl.addresses import LabelGrant, LabelRoot, Profile, TwoLayerRoot
from communicator_impl.body import ServiceEntry, WireGrant, WireSet
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, OwnError, PeerError
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import (
    NEVER,
    IssueGrant,
    OwnRoot,
    RegisterRoot,
    Request,
    RevokeRoot,
    Secret,
    Setting,
)
from communicator_impl.root_record import address_index
from communicator_impl.suite import Suite
from communicator_impl.turn import ServiceBook, Turn
from communicator_spec import ErrorClass, Grant, Kind, Terms, release_at, renew, round_up_to_hour, taken_up, usable
from communicator_spec.parameters import PARAMETERS

__all__ = ["OwnAddresses"]

_CONTACT_ADDRESSES: Final = 2
"""At each service of a contact: one for the stranger's set, one for what the stranger writes at once."""
_FIRST_SERVICES: Final = PARAMETERS.state.receiving_services_min
"""How many services have room beside the keys of suite 2."""


class OwnAddresses:
    """The recipient's half of the address state, for all relationships of one person."""

    def __init__(self, terms: Terms, book: ServiceBook, entropy: Entropy, profiles: tuple[Profile, ...]) -> None:
        self._terms = terms
        self._book = book
        self._entropy = entropy
        self._profiles = profiles

    def refresh(self, turn: Turn, *, in_conversation: bool, everywhere: bool = False) -> None:
        """Renew the own set where that is due, and register what is new.

        `everywhere`: also at services out of reach, which learn of it when they are back. Only a first set is issued
        so: two people who meet must not part without addresses (STATE-8).
        """
        p = turn.particle
        if turn.now_ms < p.renew_at:
            return
        in_conversation = in_conversation and not self._lacks_room(p)
        grants, fresh = renew(
            turn.now_ms, _first(p), lambda service: self._can_issue(turn, service, everywhere), p.mine, p.serials,
            lambda grant: p.spent.get((grant.service, grant.serial), 0), self._terms, in_conversation,
        )  # fmt: skip
        if grants and grants != p.mine:
            p.mine = grants
            p.version += 1  # STATE-14
            for grant in fresh:
                self._issue(turn, grant)
            self._erase_secrets(p)
        self._plan_renewal(turn, in_conversation=in_conversation)

    def contact_set(self, turn: Turn, until_s: int) -> WireSet:
        """Return a set of no version for one stranger: addresses of roots that serve nothing else (8.4).

        A service whose keys are not good until then has no place in it; if there is no other, `InputError`.
        """
        services = [service for service in _first(turn.particle) if self._lasts(turn, service, until_s)]
        if not services:
            raise InputError(ErrorClass.EXPIRED, "no receiving service has keys that are good now; is its clock right?")
        return WireSet(0, tuple(self._contact_entry(turn, service, until_s) for service in services))

    def complete_set(self, p: Particle) -> WireSet:
        """Return the own set as the peer gets it."""
        by_service = groupby(p.mine, key=lambda grant: grant.service)
        return WireSet(p.version, tuple(self._entry(p, service, tuple(grants)) for service, grants in by_service))

    def digests(self, p: Particle) -> tuple[tuple[str, bytes], ...]:
        """Return what the peer compares: name and digest of the configuration of each own service (T8)."""
        services = sorted({grant.service for grant in p.mine}, key=lambda s: self._book.uri(s))
        configs = ((self._book.uri(s), self._book.config(s)) for s in services)
        return tuple((uri, config.digest()) for uri, config in configs if config is not None)

    def confirm(self, turn: Turn, holds: int) -> None:
        """The peer holds this version of the own set."""
        p = turn.particle
        p.confirmed = holds
        for service, version in list(p.moved.items()):
            if holds >= version:
                del p.moved[service]
                if service in p.release_due:
                    p.release_due[service] = release_at(turn.now_ms, p.release_due[service], self._terms)
        if not p.moved:
            p.notice_due = NEVER

    def note_spent(self, turn: Turn, service: int, serial: int, position: int) -> None:
        """A message came to this own address; a grant that is half used is renewed soon."""
        p = turn.particle
        name = (service, serial)
        p.spent[name] = max(p.spent.get(name, 0), position + 1)
        for grant in p.mine:
            if grant[:2] == name:
                if grant.long_term and self._is_bypassed(turn, service):
                    p.spent[name] = grant.capacity  # STATE-22
                if 2 * p.spent[name] >= grant.capacity:  # STATE-6
                    p.renew_at = min(p.renew_at, turn.now_ms)

    def _is_bypassed(self, turn: Turn, service: int) -> bool:
        """Tell whether the peer holds a usable ephemeral grant at one of the own services."""
        p = turn.particle
        return any(
            usable(grant, p.spent.get(grant[:2], 0), turn.now_ms) and p.introduced[grant[:2]] <= p.confirmed
            for grant in p.mine
            if grant.service == service and not grant.long_term
        )

    def replace(self, turn: Turn, old: int, setting: Setting, announce_ms: int, *, leave: bool) -> None:
        """Take the person's decision to replace a receiving service, which is not asked (STATE-23)."""
        p = turn.particle
        taken = taken_up(p.services, setting.receiving)
        p.services, p.senders = setting
        if p.ended:
            return
        p.moved[old] = p.version + 1
        p.renew_at = turn.now_ms
        turn.report(Kind.MOVED, service=old, position=taken, value=p.version + 1)
        if leave:
            p.release_due[old] = p.last_until.get(old, turn.now_ms)
        if self._terms.announces:
            p.notice_due = min(p.notice_due, announce_ms)
            p.credit += 1

    def release(self, turn: Turn) -> None:
        """Give up the services whose last address has ended."""
        due = turn.particle.release_due
        for service, due_ms in sorted(due.items()):
            if self._may_release(turn, due_ms):  # STATE-10
                del due[service]
                turn.report(Kind.RELEASED, service=service)

    def _may_release(self, turn: Turn, due_ms: int) -> bool:
        return due_ms <= turn.now_ms

    def end(self, turn: Turn) -> None:
        """End the relationship here: revoke its root at every service, then forget all keys (DELIV-29, PORT-11)."""
        p = turn.particle
        p.ended = True
        self.close_contact(turn)
        turn.requests.extend(
            RevokeRoot(service, own.root, own.access_key()) for service, own in sorted(p.roots.items())
        )
        self._forget(p)

    def close_contact(self, turn: Turn) -> None:
        """Revoke the roots of a contact: nobody needs it any more (SES-27)."""
        contact = turn.particle.contact
        turn.requests.extend(RevokeRoot(service, own.root, own.access_key()) for service, own in contact.items())
        contact.clear()

    def _forget(self, p: Particle) -> None:
        p.forget()

    # ---------------------------------------------------------------- issuing

    def _can_issue(self, turn: Turn, service: int, everywhere: bool) -> bool:
        config = self._book.config(service)
        if config is None or not (everywhere or turn.reach.receiving[service]):
            return False
        if self._profile(turn.particle, service) is Profile.LABEL:
            return True
        until_ms = round_up_to_hour(turn.now_ms + self._terms.long_term_lifetime_ms)
        return self._lasts(turn, service, until_ms // 1000)

    def _lasts(self, turn: Turn, service: int, until_s: int) -> bool:
        """Tell whether a service has a key now that outlives such addresses (ADDR-9)."""
        config = self._book.config(service)
        try:
            return config is not None and config.inner_for(turn.now_s, until_s) is not None
        except PeerError:
            return False

    def _lacks_room(self, p: Particle) -> bool:
        """Tell whether ephemeral stock has no room: batches of two-layer/1 beside an opening of suite 2."""
        known = (service for service in p.services if self._book.config(service) is not None)
        return _is_tight(p) and any(self._profile(p, service) is Profile.TWO_LAYER for service in known)

    def _profile(self, p: Particle, service: int) -> Profile:
        """Return the profile at one service: that of its root, else the first that both sides have (EXT-7)."""
        own = p.roots.get(service)
        if own is not None:
            return Profile.LABEL if isinstance(own, LabelRoot) else Profile.TWO_LAYER
        config = self._book.config(service)
        for profile in self._profiles:
            if config is not None and profile in config.profiles:
                return profile
        raise InputError(ErrorClass.UNKNOWN, "no common address profile")

    def _issue(self, turn: Turn, grant: Grant) -> None:
        p = turn.particle
        service, serial, _, until_ms, _ = grant
        p.serials[service] = serial
        p.release_due.pop(service, None)  # STATE-27: it is in use again
        p.last_until[service] = max(p.last_until.get(service, 0), until_ms)
        name = (service, serial)
        p.secrets[name] = self._make_secret(turn, self._root(turn, service), grant)
        p.introduced[name] = p.version
        self.report_issued(turn, grant)

    def report_issued(self, turn: Turn, grant: Grant) -> None:
        """Report a grant that exists, with the version of the set that first carries it."""
        service, serial, long_term, until_ms, _ = grant
        version = turn.particle.introduced[service, serial]
        turn.report(Kind.ISSUED, version, service, serial, int(long_term), value=until_ms)

    def _root(self, turn: Turn, service: int) -> OwnRoot:
        """Return this relationship's root at a service; the first use registers it (ADDR-5)."""
        roots = turn.particle.roots
        if service not in roots:
            own: OwnRoot
            is_label = self._profile(turn.particle, service) is Profile.LABEL
            own = LabelRoot.generate(self._entropy) if is_label else TwoLayerRoot.generate(self._entropy)
            turn.requests.append(_registration(service, own))
            roots[service] = own
        return roots[service]

    def registrations(self, p: Particle, service: int) -> tuple[Request, ...]:
        """Return all that one service was asked to register and still needs to know: the same values as before."""
        own, contact = p.roots.get(service), p.contact.get(service)
        roots = tuple(_registration(service, root) for root in (own, contact) if root is not None)
        if not isinstance(own, LabelRoot):
            return roots
        return (*roots, *(_epoch(own, grant) for grant in p.mine if grant.service == service))

    def _make_secret(self, turn: Turn, own: OwnRoot, grant: Grant) -> Secret:
        until_s = grant.valid_until_ms // 1000
        if isinstance(own, LabelRoot):
            asked = _epoch(own, grant)
            turn.requests.append(asked)
            return asked.grant.key
        first = address_index(grant.serial, 0)
        last = address_index(grant.serial, grant.capacity - 1)
        config = self._book.config(grant.service)
        if config is None:
            raise OwnError(ErrorClass.UNKNOWN, "issuing without a configuration")
        return own.issue(config, range(first, last + 1), until_s, turn.now_s, self._entropy)

    def _contact_entry(self, turn: Turn, service: int, until_s: int) -> ServiceEntry:
        config = self._book.config(service)
        if config is None:
            raise InputError(ErrorClass.UNKNOWN, "no configuration of a receiving service")
        own = TwoLayerRoot.generate(self._entropy)
        turn.requests.append(_registration(service, own))
        p, serial = turn.particle, turn.particle.serials.get(service, 0) + 1
        first = address_index(serial, 0)
        addresses = own.issue(config, range(first, first + _CONTACT_ADDRESSES), until_s, turn.now_s, self._entropy)
        p.contact[service], p.serials[service] = own, serial
        p.last_until[service] = max(p.last_until.get(service, 0), until_s * 1000)  # STATE-10
        turn.report(Kind.ISSUED, 0, service, serial, 1, value=until_s * 1000)
        grant = WireGrant(serial, True, until_s, _CONTACT_ADDRESSES, addresses)
        return ServiceEntry(config.uri, Profile.TWO_LAYER, config.outer, (grant,))

    def _entry(self, p: Particle, service: int, grants: tuple[Grant, ...]) -> ServiceEntry:
        config = self._book.config(service)
        if config is None:
            raise OwnError(ErrorClass.UNKNOWN, "the book forgot a configuration")
        wired = tuple(self._wire_grant(p, grant) for grant in grants)
        return ServiceEntry(config.uri, self._profile(p, service), config.outer, wired)

    def _wire_grant(self, p: Particle, grant: Grant) -> WireGrant:
        name = (grant.service, grant.serial)
        secret = p.secrets[name]
        if isinstance(secret, tuple) and p.introduced[name] <= p.confirmed:
            secret = ()
        return WireGrant(grant.serial, grant.long_term, grant.valid_until_ms // 1000, grant.capacity, secret)

    def _erase_secrets(self, p: Particle) -> None:
        names = {(grant.service, grant.serial) for grant in p.mine}
        p.secrets = {name: secret for name, secret in p.secrets.items() if name in names}
        p.introduced = {name: version for name, version in p.introduced.items() if name in names}

    def _plan_renewal(self, turn: Turn, *, in_conversation: bool) -> None:
        p, terms = turn.particle, self._terms
        renew_at = update_due = NEVER
        for _, _, long_term, until_ms, _ in p.mine:
            if long_term:
                renew_at = min(renew_at, until_ms - terms.long_term_refresh_ms)
                update_due = min(update_due, until_ms - terms.long_term_refresh_ms // 2)
            else:
                renew_at = min(renew_at, until_ms - terms.ephemeral_refresh_ms)
        wanted = len(p.services) * (2 if terms.ephemeral_lifetime_ms else 1)
        if len(p.mine) < wanted:  # a service was out of reach, or this was no conversation
            renew_at = min(renew_at, turn.now_ms + (terms.retry_max_ms if in_conversation else 0))
        p.renew_at = renew_at
        p.update_due = update_due if terms.announces else NEVER


def _first(p: Particle) -> tuple[int, ...]:
    """Return the services that a set names now."""
    return p.services[:_FIRST_SERVICES] if _is_tight(p) else p.services


def _is_tight(p: Particle) -> bool:
    """Tell whether keys of suite 2 stand beside the set: in a contact, and until the first reply."""
    if p.session is None:
        return p.invitation is not None and p.invitation.package.suite is Suite.HYBRID
    return p.session.awaits_reply and p.session.suite is Suite.HYBRID


def _registration(service: int, own: OwnRoot) -> RegisterRoot:
    key = None if isinstance(own, LabelRoot) else own.registration().verify_key
    return RegisterRoot(service, own.root, key, own.access_key())


def _epoch(own: LabelRoot, grant: Grant) -> IssueGrant:
    key = own.epoch_key(grant.serial)
    registered = LabelGrant(own.root, grant.serial, key, grant.valid_until_ms // 1000, grant.capacity)
    return IssueGrant(grant.service, registered, own.access_key())
