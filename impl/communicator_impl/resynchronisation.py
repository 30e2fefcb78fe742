"""A device that was restored from a backup, and its peer: how the two agree on a new state (chapter 12.6).

Theory. A backup is old: its session has moved on, its addresses and numbers were used, and what it would send would be
lost without a trace. So the restored end begins a session anew, with its identity alone; the peer's first body in it
says which numbers and versions were seen, and both go on above them. Either end, or both, may be restored; then one
opening wins (PORT-21).

::

    restored             asked                                   synchronised
    `expect` ──▶ `begin`: RESYNC ──▶ first body in the new session: `conclude` ──▶ messages
                                     the peer's own opening: `answer`           ──▶

The numbers of the steps are those of the table in the standard. Steps 1 and 9 are the host's and the outbox's.

Rules:

1. While it is restored, an end sends RESYNC and nothing else, and takes no message from its application (PORT-17).
2. Of an old session, an end takes messages only, and from its first transmission in the new one on none with a higher
   number than it has seen: the other end continues there (PORT-27).
3. What may be lost is told to the application, by `losses`, until it has confirmed that (PORT-25).
4. Before the first reply the peer may have no session: then the package begins it once more, and the own set has a
   version above all that a lost device may have made (PORT-30). The peer begins by it, or adopts it.
5. Addresses that a lost device may have used are given up: some of the peer's are skipped, and the set that travels
   after the answer has fresh grants only.
"""

from itertools import count
from typing import Final

import msgspec

from communicator_impl import session as sessions
from communicator_impl.addresses import LabelRoot
from communicator_impl.body import Body, Kind, Received, decode_body, resync_of
from communicator_impl.entropy import Entropy
from communicator_impl.errors import OwnError, PeerError
from communicator_impl.keys import Identity
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import NEVER, MayBeLost
from communicator_impl.peer_addresses import PeerAddresses
from communicator_impl.session import Session
from communicator_impl.turn import Turn
from communicator_spec import ErrorClass, Terms, escalation_ms
from communicator_spec import Kind as Event
from communicator_spec.parameters import PARAMETERS

__all__ = ["Resynchronisation", "is_sign"]

_R: Final = PARAMETERS.resync
_MS: Final = 1000


def is_sign(p: Particle, body: Body) -> bool:
    """Tell whether the peer knows more of this end than this end itself: it is an old copy (PORT-18)."""
    return _above(body.received) > p.next_number or body.holds > p.version


class Resynchronisation:
    """The way back, for all relationships of one person."""

    def __init__(self, terms: Terms, peer: PeerAddresses, entropy: Entropy) -> None:
        self._terms = terms
        self._peer = peer
        self._entropy = entropy

    def expect(self, turn: Turn, *, suspected: bool) -> None:
        """Note that this end is an old copy; `suspected`: it has gone on as if it were not, for a while."""
        p = turn.particle
        p.restored, p.suspected, p.asked = True, suspected, False
        p.resync_due = turn.now_ms
        p.credit = 0  # what the lost device has spent is not known (STATE-12)

    def begin(self, turn: Turn) -> bool:
        """Make the working copy ready to send RESYNC; False if that has to wait, or the person has to be asked.

        1. count the attempts of a day (PORT-22)
        2. give up addresses that the lost device may have used
        3. start the session anew
        """
        p, now_ms = turn.particle, turn.now_ms
        is_stuck = p.asked and not self._peer.has_address(turn)  # what was asked for can still be answered
        if is_stuck or not any(turn.reach.sending[sender] for sender in p.senders):
            p.resync_due = now_ms + self._terms.retry_max_ms
            return False
        p.begun = tuple(t_ms for t_ms in p.begun if now_ms - t_ms < _R.window_s * _MS)
        if len(p.begun) >= _R.attempts_max:  # PORT-22
            p.resync_due = NEVER
            return False
        p.begun = (*p.begun, now_ms)
        p.resync_due = now_ms + escalation_ms(len(p.begun), self._terms)
        session = _session_of(p)
        if not p.asked:
            self._peer.skip(p)
            self._keep_to_read(turn, session)
        p.asked_s = max(turn.now_s, p.restart_s + 1, p.asked_s + 1)
        p.session = self._begun(p, session)
        p.asked, p.confirmed = True, 0
        return True

    def _begun(self, p: Particle, session: Session) -> Session:
        """Start the session anew: with the package as long as the peer may have none, else with the peer's identity."""
        own, made_s = _identity_of(p), p.asked_s
        if not p.version:  # a lost device may have made a first set, too
            p.serials = {service: p.serials.get(service, 0) + _R.serial_gap for service in p.services}  # STATE-18
        if session.of_package or not p.version:  # PORT-32
            _raise_version(p, made_s)
        if session.of_package:  # PORT-30
            return sessions.again(own, session, made_s, self._entropy)
        key = session.restart_key  # EXT-4
        return sessions.restart(own, session.peer, made_s, self._entropy, key)

    def answer(self, turn: Turn, ciphertext: bytes) -> Body:
        """Adopt the session of a peer that begins anew, and return its first body; else `PeerError` (step 4)."""
        p = turn.particle
        own, session = _identity_of(p), _session_of(p)
        begun, plain = self._opened(turn, own, ciphertext)
        body = decode_body(plain)
        if p.asked and _is_adopted(own, session, begun):  # PORT-21
            p.restart_s = begun.restart_s
            self.learn(turn, body)
            raise PeerError(ErrorClass.REFUSED, "both began, and ours is adopted")
        if not p.asked:
            self._keep_to_read(turn, session)
        p.session, p.restart_s, p.asked = begun, begun.restart_s, False
        p.credit += 1  # STATE-12: the peer's person restored a device
        return body

    def _opened(self, turn: Turn, own: Identity, ciphertext: bytes) -> tuple[Session, bytes]:
        """Open what begins anew: for the session at hand, or for the one before, which an end that asks keeps."""
        p = turn.particle
        for session in filter(None, (p.session, p.previous if p.asked else None)):
            try:
                return sessions.accept_anew(own, session, ciphertext, turn.now_s, p.restart_s, self._entropy)
            except PeerError as error:
                if error.error_class is not ErrorClass.FORGED:
                    raise
        raise PeerError(ErrorClass.FORGED, "no session that begins anew")

    def learn(self, turn: Turn, body: Body) -> None:
        """Take from what is not adopted where the peer is now, and begin again there (step 4).

        Else each end could wait for the other for ever: the winner knows no address that still works, and refuses the
        one message in which a better one is. What a lost device may have used of them is skipped.
        """
        p = turn.particle
        if body.addresses is not None and self._peer.is_newer(p, body.addresses):
            self._peer.adopt(p, body.addresses)
            self._peer.skip(p)
            p.resync_due = turn.now_ms
            turn.report(Event.UPDATED, value=p.held_version)

    def read_old(self, turn: Turn, ciphertext: bytes) -> Body:
        """Open what came in the session before; else `PeerError`."""
        p = turn.particle
        if p.previous is None or (turn.now_ms >= p.previous_until and not p.asked):
            p.previous = None
            raise PeerError(ErrorClass.FORGED, "no session opens this")
        session, plain = sessions.open_message(p.previous, ciphertext, self._entropy)
        body = decode_body(plain)
        p.previous = session
        if _session_of(p).of_package:  # PORT-30: it was for the lost device, and shows where the peer is
            self.learn(turn, body)
        if body.number is not None and body.number >= p.cutoff:  # PORT-27
            raise PeerError(ErrorClass.REFUSED, "a number that may have been given again")
        return body

    def conclude(self, turn: Turn, body: Body) -> None:
        """Go on from the first body in the new session, at either end.

        5. report what is lost, and send again what is in the outbox
        6. let the complete set travel, with fresh grants
        7. if this end was restored: numbers, versions and serials above those that the peer has seen
        8. report the first number that may be lost, in each direction (PORT-25)
        """
        p = turn.particle
        self._report(p, body)  # 5, 8
        if p.asked:
            p.restart_s = max(p.restart_s, p.asked_s)
        if p.restored:  # 7, PORT-23
            p.next_number = max(p.next_number, _above(body.received))
            p.version = max(p.version, body.holds) + 1
            p.moved = dict.fromkeys(p.moved, p.version + 1)  # STATE-10: what the peer holds may be older
            p.serials = {service: self._next_serial(p, service) for service in p.serials}
        p.confirmed, p.mine = 0, ()  # 6: the other end may have used any of them
        p.renew_at = min(p.renew_at, turn.now_ms)
        for number, entry in p.outbox.items():  # 5, 9
            p.outbox[number] = msgspec.structs.replace(entry, due_ms=turn.now_ms)
        p.restored = p.suspected = p.asked = False
        p.resync_due = NEVER

    def _next_serial(self, p: Particle, service: int) -> int:
        """Return a serial above all that lost devices have used; the time tells two restores of one backup apart."""
        minutes = p.restart_s // 60 if isinstance(p.roots.get(service), LabelRoot) else 0
        return max(p.serials[service], minutes) + _R.serial_gap

    def _report(self, p: Particle, body: Body) -> None:
        received = body.received
        (own, _), *_ = _missing(received, sorted(p.outbox), 1 << 62)
        if p.suspected:  # a number of the outbox may have been given to something else before
            own = min([own, *(n for n in p.outbox if n in received)])
        gone = _missing(received, sorted(p.outbox), p.next_number)
        begin = resync_of(body) if body.kind is Kind.RESYNC else 0
        peer = next(n for n in count(max(begin, p.floor)) if n not in p.beyond)
        p.losses = (*p.losses, MayBeLost(own, peer, tuple(gone)))

    def _keep_to_read(self, turn: Turn, session: Session) -> None:
        p = turn.particle
        p.previous, p.cutoff = session, NEVER
        p.previous_until = turn.now_ms + self._terms.queue_lifetime_ms


def _above(received: Received) -> int:
    """Return the first number above all that a receipt covers."""
    return received.ranges[-1][1] + 1 if received.ranges else received.floor


def _missing(received: Received, waiting: list[int], end: int) -> list[tuple[int, int]]:
    """Return the numbers below `end` that neither a receipt covers nor the outbox has, as ranges; no step a number."""
    found, edge = [], received.floor
    for low, high in sorted([*received.ranges, *((n, n) for n in waiting)]):
        if edge < min(low, end):
            found.append((edge, min(low, end) - 1))
        edge = max(edge, high + 1)
    return [*found, (edge, end - 1)] if edge < end else found


def _is_adopted(own: Identity, ours: Session, theirs: Session) -> bool:
    """Tell which of two openings both ends adopt: ours, if its key is lower; one of a package gives way (PORT-21)."""
    if ours.of_package:
        return False
    return theirs.own_prekey != own.agreement or own.public.sign < ours.peer.sign


def _raise_version(p: Particle, made_s: int) -> None:
    """Let the own set replace all that a lost device may have sent; a move is announced with the next one."""
    p.version = max(p.version + 1, made_s)
    p.moved = dict.fromkeys(p.moved, p.version + 1)


def _session_of(p: Particle) -> Session:
    if p.session is None:
        raise OwnError(ErrorClass.REFUSED, "no session yet")
    return p.session


def _identity_of(p: Particle) -> Identity:
    if p.identity is None:
        raise OwnError(ErrorClass.REFUSED, "the relationship has ended")
    return p.identity
