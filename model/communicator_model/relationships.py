"""The relationship managers of a population, without cryptography.

The decisions are the normative policies; this module applies them to ends (`ends`), in the order of the standard.

How an end behaves, at every instant `now_ms`:

1. `submit` puts a message into the outbox, durably, and nothing else.
2. `wake` does everything that is due: transmissions and escalations, the announcement of a move, a receipt, the
   renewal of a long-term address, a request for the peer's, the release of a service that is being left; in this
   order.
3. Every transmission carries the cumulative receipt, the version of the peer's set that is held, and the complete
   own set until the peer confirmed it. So any message that gets through repairs everything that was lost before.
4. `receive` applies a body: set, confirmation, receipts, then the command.
5. `deadline_ms` tells when `wake` has something to do next; the caller sees to it that the device is online then.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final, TypeVar

from communicator_model.ends import NEVER, NOTHING, Body, End, Entry, Transmission, carried, without
from communicator_model.receiving import Parcel, ReceivingService
from communicator_spec import (
    Command,
    Grant,
    Kind,
    Path,
    Row,
    Terms,
    apart_from,
    choose_path,
    covers,
    escalation_ms,
    ranges,
    receipt_delay_ms,
    release_at,
    renew,
    request_at,
    taken_up,
    usable,
)
from communicator_spec.nodes import Reach, Setting

__all__ = ["RelationshipManagers"]

# Looking into an enumeration takes as long as a call: rows of which a run has millions are written with plain numbers.
_ACCEPTED: Final = int(Kind.ACCEPTED)
_SENT: Final = int(Kind.SENT)
_ISSUED: Final = int(Kind.ISSUED)
_DELIVERED: Final = int(Kind.DELIVERED)
_ACKNOWLEDGED: Final = int(Kind.ACKNOWLEDGED)
_RECEIVED: Final = int(Kind.RECEIVED)
_UPDATED: Final = int(Kind.UPDATED)
_MESSAGE: Final = int(Command.MESSAGE)
_RECEIPT: Final = int(Command.RECEIPT)
_UPDATE: Final = int(Command.UPDATE)
_REQUEST_UPDATE: Final = int(Command.REQUEST_UPDATE)
_END: Final = int(Command.END)
_MOVED: Final = int(Command.MOVED)
V = TypeVar("V", bound=Hashable)


def _always(service: int) -> bool:
    return True


class RelationshipManagers:
    """All relationship managers of a population, by end."""

    def __init__(
        self,
        terms: Terms,
        services: Sequence[ReceivingService],
        reach: Reach,
        receipt_draw: Callable[[int, int], float],
        emit: Callable[[Row], None],
    ) -> None:
        self._terms = terms
        self._services = services
        self._reach = reach
        self._receipt_draw = receipt_draw
        self._emit = emit
        self._ends: list[End] = []
        self._values: dict[Hashable, Any] = {}

    # ---------------------------------------------------------------- what people do

    def pair(self, now_ms: int, first: int, people: tuple[int, int], settings: tuple[Setting, Setting]) -> None:
        """Start a relationship between two devices that meet: each gets a first address set of the other.

        Ends are numbered in the order in which they are paired.
        """
        assert first == len(self._ends)
        ends = (End(*settings[0]), End(*settings[1]))
        self._ends += ends
        for end_id, person, end in zip((first, first + 1), people, ends, strict=True):
            self._emit((now_ms, Kind.PAIRED, end_id, -1, -1, -1, -1, -1, person))
            self._refresh(now_ms, end_id, end, in_conversation=True, everywhere=True)
        for end, other in (ends, ends[::-1]):
            self._adopt(end, other.mine, other.version)
            other.confirmed = other.version

    def submit(self, now_ms: int, end_id: int, size: int) -> int:
        """Take a message from the application; return its number."""
        end = self._ends[end_id]
        number = end.next_number
        end.next_number += 1
        self._emit((now_ms, _ACCEPTED, end_id, number, -1, -1, -1, -1, size))
        if end.ended:  # PORT-12, PORT-13: nobody will hear it
            self._emit((now_ms, Kind.FAILED, end_id, number, -1, -1, -1, -1, -1))
        else:
            if not end.outbox:
                end.outbox = {}
            end.outbox[number] = Entry(now_ms)
            end.credit += 1
        return number

    def move(self, now_ms: int, end_id: int, old: int, setting: Setting, announce_ms: int, *, leave: bool) -> None:
        """Replace a receiving service by the person's decision; `leave` when it still runs and is to be left.

        From now on nothing is issued at the old one. The peer learns it from the next message, or from an
        announcement at `announce_ms` at the latest.
        """
        end = self._ends[end_id]
        taken = taken_up(end.services, setting.receiving)
        end.services, end.senders = setting
        if end.ended:
            return
        end.moved = {**end.moved, old: end.version + 1}
        end.renew_at = now_ms
        self._emit((now_ms, Kind.MOVED, end_id, -1, old, -1, taken, -1, end.version + 1))
        if leave:
            end.release_due = {**end.release_due, old: end.last_until.get(old, now_ms)}
        if self._terms.announces:
            end.notice_due = min(end.notice_due, announce_ms)
            end.credit += 1

    def change_senders(self, now_ms: int, end_id: int, senders: tuple[int, ...]) -> None:
        """Use other sending services from now on; nobody else needs to know."""
        self._ends[end_id].senders = senders

    def refuse(self, now_ms: int, end_id: int, *, tell: bool = False) -> list[Transmission]:
        """End the relationship: the peer is stopped at every service, and nobody else is affected.

        `tell`: with the command END, once to each of the peer's services (DELIV-31).
        """
        end = self._ends[end_id]
        out: list[Transmission] = []
        if end.ended:
            return out
        if tell:
            self._send_control(now_ms, end_id, end, _END, len(end.held), out)
        self._emit((now_ms, Kind.ENDED, end_id, -1, -1, -1, -1, -1, -1))
        self._stop(end_id, end)
        return out

    def _stop(self, end_id: int, end: End) -> None:
        end.ended = True
        for service in sorted(end.last_until):
            self._services[service].revoke(end_id)

    # ---------------------------------------------------------------- what is due

    def deadline_ms(self, end_id: int) -> int:
        """Return when `wake` has something to do for this end."""
        end = self._ends[end_id]
        if end.ended:
            return NEVER
        due_ms = end.receipt_due
        if end.update_due < due_ms:
            due_ms = end.update_due
        if end.request_due < due_ms:
            due_ms = end.request_due
        if end.notice_due < due_ms:
            due_ms = end.notice_due
        for entry in end.outbox.values() if end.outbox else ():
            if entry.due_ms < due_ms:
                due_ms = entry.due_ms
        return min(due_ms, *end.release_due.values()) if end.release_due else due_ms

    def wake(self, now_ms: int, end_id: int) -> list[Transmission]:
        """Do everything that is due; return what is to be handed to sending services."""
        end = self._ends[end_id]
        out: list[Transmission] = []
        if end.ended:
            return out
        if end.outbox:
            self._send_messages(now_ms, end_id, end, out)
        if end.notice_due <= now_ms:
            self._send_notice(now_ms, end_id, end, out)
        if end.receipt_due <= now_ms:
            self._send_receipt(now_ms, end_id, end, out)
        if end.update_due <= now_ms:
            self._send_update(now_ms, end_id, end, out)
        if end.request_due <= now_ms:
            self._send_request(now_ms, end_id, end, out)
        if end.release_due:
            self._release(now_ms, end_id, end)
        return out

    def _send_messages(self, now_ms: int, end_id: int, end: End, out: list[Transmission]) -> None:
        terms = self._terms
        for number, entry in list(end.outbox.items()):
            if entry.due_ms > now_ms:
                continue
            last_ms = entry.accepted_ms + terms.message_lifetime_ms
            if now_ms >= last_ms:  # DELIV-10
                del end.outbox[number]
                self._emit((now_ms, Kind.FAILED, end_id, number, -1, -1, -1, -1, -1))
                continue
            self._refresh(now_ms, end_id, end, in_conversation=True)
            senders = self._senders(end)
            path = choose_path(
                now_ms, zip(end.held, end.used_of, strict=True), senders, end.turns_of, number + entry.attempts,
                end.suspects, end.confirmed < end.version,
            )  # fmt: skip
            if path is None:
                # no sending service: soon again; no usable address: when the peer's next set arrives
                entry.due_ms = last_ms if senders else min(now_ms + terms.retry_max_ms, last_ms)
                entry.service = -1
                continue
            out.append(self._transmit(now_ms, end_id, end, path, _MESSAGE, number, number * 64 + entry.attempts))
            entry.attempts += 1
            entry.service = path.grant.service
            entry.due_ms = min(now_ms + escalation_ms(entry.attempts, terms), last_ms)

    def _send_notice(self, now_ms: int, end_id: int, end: End, out: list[Transmission]) -> None:
        self._refresh(now_ms, end_id, end, in_conversation=False)
        if end.version < max(end.moved.values(), default=0):  # the replacement could not be reached: nothing to tell
            end.notice_due = now_ms + self._terms.retry_max_ms
            return
        most = 1 if end.notice_attempts else len(end.held)
        self._send_control(now_ms, end_id, end, _MOVED, most, out)
        end.notice_attempts += 1
        end.notice_due = now_ms + escalation_ms(end.notice_attempts, self._terms)

    def _send_receipt(self, now_ms: int, end_id: int, end: End, out: list[Transmission]) -> None:
        if end.credit <= 0:  # STATE-12
            end.receipt_due = NEVER
            return
        self._refresh(now_ms, end_id, end, in_conversation=True)
        end.credit -= self._send_control(now_ms, end_id, end, _RECEIPT, 1, out, end.receipt_from)
        end.receipt_due = NEVER

    def _send_update(self, now_ms: int, end_id: int, end: End, out: list[Transmission]) -> None:
        self._refresh(now_ms, end_id, end, in_conversation=False)
        if end.update_due > now_ms and end.confirmed < end.version and end.credit > 0:  # STATE-12
            end.credit -= self._send_control(now_ms, end_id, end, _UPDATE, end.credit, out)
        elif end.update_due <= now_ms:
            end.update_due = now_ms + self._terms.retry_max_ms

    def _send_request(self, now_ms: int, end_id: int, end: End, out: list[Transmission]) -> None:
        end.request_due = NEVER
        if end.credit > 0:  # STATE-12
            self._refresh(now_ms, end_id, end, in_conversation=False)
            end.credit -= self._send_control(now_ms, end_id, end, _REQUEST_UPDATE, 1, out)

    def _send_control(self, now_ms: int, end_id: int, end: End, command: int, most: int,
                      out: list[Transmission], apart: int = -1) -> int:  # fmt: skip
        """Send a command to at most `most` of the peer's receiving services; return to how many (DELIV-15).

        Sending services whose operator runs `apart` come last.
        """
        senders, news = apart_from(self._senders(end), apart), end.confirmed < end.version
        held = list(zip(end.held, end.used_of, strict=True))
        offered = [held]  # any service will do
        if most > 1:
            services = sorted({grant.service for grant in end.held})
            offered = [[offer for offer in held if offer[0].service == service] for service in services]
        sent = 0
        for offers in offered:
            if sent == most:
                break
            path = choose_path(now_ms, offers, senders, end.turns_of, end.automated, end.suspects, news)
            if path is not None:
                draw_index = (1 << 32) + end.automated
                out.append(self._transmit(now_ms, end_id, end, path, command, -1, draw_index))
                end.automated += 1
                sent += 1
        return sent

    def _senders(self, end: End) -> list[int]:
        up = self._reach.sending
        return [sender for sender in end.senders if up[sender]]

    def _transmit(self, now_ms: int, end_id: int, end: End, path: Path, command: int, number: int,
                  draw_index: int) -> Transmission:  # fmt: skip
        via, grant = path.via, path.grant
        service, serial, _, until_ms, _ = grant
        used = [*end.used_of]
        at = end.held.index(grant)
        position = used[at]
        used[at] += 1
        end.used_of = self._shared(tuple(used))
        end.take_turn(via)
        end.receipt_due = NEVER  # whatever travels carries the receipt
        above = ranges(end.beyond, self._terms.ranges_max) if end.beyond else ()
        news = end.mine if end.confirmed < end.version else None
        body = Body(command, number, end.floor, above, end.held_version, end.version, news)
        parcel = Parcel(end_id ^ 1, serial, position, body)
        self._emit((now_ms, _SENT, end_id, number, service, serial, position, via, command))
        not_after_ms = now_ms + self._terms.queue_lifetime_ms
        if until_ms < not_after_ms:
            not_after_ms = until_ms
        return Transmission(via, service, not_after_ms, parcel, end_id, number, draw_index)

    # ---------------------------------------------------------------- own addresses

    def _refresh(self, now_ms: int, end_id: int, end: End, *, in_conversation: bool, everywhere: bool = False) -> None:
        """Renew the own set where that is due, and register what is new.

        `everywhere`: also at services out of reach, which learn of it when they are back. Only a first set is issued
        so: two people who meet must not part without addresses (STATE-8).
        """
        if now_ms < end.renew_at:
            return
        terms = self._terms
        before = end.mine
        grants, _ = renew(
            now_ms, end.services, _always if everywhere else self._reach.receiving.__getitem__, before, end.serials,
            lambda grant: end.spent_of[before.index(grant)], terms, in_conversation,
        )  # fmt: skip
        if grants and grants != before:
            grants = end.mine = tuple([grant if grant in before else self._shared(grant) for grant in grants])
            end.version += 1
            end.spent_of = self._shared(carried(end.spent_of, before, grants))
            end.introduced = self._shared(carried(end.introduced, before, grants, end.version))
            for grant in grants:
                if grant not in before:
                    self._issue(now_ms, end_id, end, grant)
            end.issued = self._shared(end.issued)
        end.plan_renewal(now_ms, terms, in_conversation=in_conversation)

    def _shared(self, value: V) -> V:
        """Return the one object that stands for all equal values: ends that meet within an hour have much in common."""
        found: V = self._values.setdefault(value, value)
        return found

    def _issue(self, now_ms: int, end_id: int, end: End, grant: Grant) -> None:
        service, serial, long_term, until_ms, _ = grant
        end.note_issued(grant)
        if service in end.release_due:  # STATE-27: it is in use again
            end.release_due = without(end.release_due, service)
        self._services[service].issue(now_ms, end_id, grant)
        self._emit((now_ms, _ISSUED, end_id, end.version, service, serial, int(long_term), -1, until_ms))

    def _release(self, now_ms: int, end_id: int, end: End) -> None:
        for service, due_ms in sorted(end.release_due.items()):
            if due_ms <= now_ms:  # STATE-10
                end.release_due = without(end.release_due, service)
                self._emit((now_ms, Kind.RELEASED, end_id, -1, service, -1, -1, -1, -1))

    def leave(self, now_ms: int, person: int, service: int, ends: Sequence[int]) -> bool:
        """Leave a receiving service if no address points to it any more and its store is empty (STATE-11)."""
        core = self._services[service]
        for end_id in ends:
            end = self._ends[end_id]
            if not end.ended and (service in end.release_due or core.fetch(end_id)):
                return False
        for end_id in ends:
            core.revoke(end_id)
        self._emit((now_ms, Kind.LEFT, -1, -1, service, -1, -1, -1, person))
        return True

    # ---------------------------------------------------------------- what arrives

    def receive(self, now_ms: int, end_id: int, service: int, *, confirms: bool = True) -> None:
        """Fetch everything stored for one root at one service, apply it, then confirm it."""
        end, core = self._ends[end_id], self._services[service]
        if end.ended:
            return  # its roots are no longer known here
        for parcel in core.fetch(end_id):
            if not end.ended:
                body, address = parcel.body, (service, parcel.serial, parcel.position)
                self._note_spent(now_ms, end, *address)
                if isinstance(body, Body) and address not in end.opened:  # DELIV-4; opened once, its key is gone
                    self._apply(now_ms, end_id, end, service, body)
                if not confirms:
                    end.opened |= {address}
        if confirms:
            core.confirm(now_ms, end_id)
            if end.opened:
                end.opened = frozenset(address for address in end.opened if address[0] != service)

    def restart(self, end_id: int) -> None:
        """Die and come back: an end is what it has stored."""

    def kept(self, end_id: int) -> End:
        """Return what the device of an end keeps."""
        return self._ends[end_id]

    def _note_spent(self, now_ms: int, end: End, service: int, serial: int, position: int) -> None:
        for at, grant in enumerate(end.mine):  # noqa: B007
            if grant[1] == serial and grant[0] == service:
                break
        else:
            return  # of a set that was replaced
        notes = [*end.spent_of]
        spent = max(notes[at], position + 1)
        if grant.long_term and self._is_bypassed(now_ms, end, service):
            spent = grant.capacity  # STATE-22
        notes[at] = spent
        end.spent_of = self._shared(tuple(notes))
        if 2 * spent >= grant.capacity:  # STATE-6
            end.renew_at = min(end.renew_at, now_ms)

    def _is_bypassed(self, now_ms: int, end: End, service: int) -> bool:
        """Tell whether the peer holds a usable ephemeral grant at one of the own services."""
        return any(
            usable(grant, spent, now_ms) and introduced <= end.confirmed
            for grant, spent, introduced in zip(end.mine, end.spent_of, end.introduced, strict=True)
            if grant.service == service and not grant.long_term
        )

    def _apply(self, now_ms: int, end_id: int, end: End, service: int, body: Body) -> None:
        command, version = body.command, body.version
        if body.grants is not None and version > end.held_version:  # STATE-1
            self._adopt(end, body.grants, version)
            end.credit += command == _MOVED  # the peer's person decided
            self._emit((now_ms, _UPDATED, end_id, -1, -1, -1, -1, -1, version))
            self._redirect(now_ms, end)
        if body.holds > end.confirmed:
            self._confirm(now_ms, end, body.holds)
        if end.outbox:
            self._settle(now_ms, end_id, end, body.floor, body.above)
        if command == _MESSAGE:
            self._deliver(now_ms, end_id, end, service, body.number)
        else:
            self._emit((now_ms, _RECEIVED, end_id, -1, service, -1, -1, -1, command))
            self._obey(now_ms, end_id, end, command)
        if command in (_MESSAGE, _MOVED) and end.receipt_due == NEVER:  # DELIV-13: only what people caused
            delay_ms = receipt_delay_ms(self._receipt_draw(end_id, end.receipts), self._terms)
            end.receipt_due, end.receipt_from = now_ms + delay_ms, service
            end.receipts += 1

    def _settle(self, now_ms: int, end_id: int, end: End, floor: int, above: tuple[tuple[int, int], ...]) -> None:
        for acked in [n for n in end.outbox if covers(floor, above, n)]:
            del end.outbox[acked]
            self._emit((now_ms, _ACKNOWLEDGED, end_id, acked, -1, -1, -1, -1, -1))
        if not end.outbox:
            end.outbox = NOTHING

    def _adopt(self, end: End, grants: tuple[Grant, ...], version: int) -> None:
        end.used_of = self._shared(carried(end.used_of, end.held, grants))
        end.held, end.held_version = grants, version
        at_ms = request_at(grants, self._terms)
        end.request_due = NEVER if at_ms is None else at_ms

    def _obey(self, now_ms: int, end_id: int, end: End, command: int) -> None:
        """Follow a command as far as it asks for more than the state says."""
        if command == _REQUEST_UPDATE:
            end.confirmed = 0  # STATE-30
        elif command == _END:  # PORT-12
            for number in end.outbox:
                self._emit((now_ms, Kind.FAILED, end_id, number, -1, -1, -1, -1, -1))
            end.outbox = NOTHING
            self._stop(end_id, end)

    def _deliver(self, now_ms: int, end_id: int, end: End, service: int, number: int) -> None:
        if number < end.floor or number in end.beyond:  # DELIV-2
            self._emit((now_ms, Kind.DUPLICATE, end_id, number, service, -1, -1, -1, -1))
            return
        if number != end.floor:
            end.beyond |= {number}
        else:
            end.floor += 1
            while end.floor in end.beyond:
                end.beyond -= {end.floor}
                end.floor += 1
        end.credit += 1
        self._emit((now_ms, _DELIVERED, end_id, number, service, -1, -1, -1, -1))

    def _confirm(self, now_ms: int, end: End, holds: int) -> None:
        end.confirmed = holds
        for service, version in list(end.moved.items()):
            if holds >= version:
                end.moved = without(end.moved, service)
                if service in end.release_due:
                    due_ms = release_at(now_ms, end.release_due[service], self._terms)
                    end.release_due = {**end.release_due, service: due_ms}
        if not end.moved:
            end.notice_due = NEVER

    def _redirect(self, now_ms: int, end: End) -> None:
        """Send again at once what last went to a service that the peer's new set does not contain."""
        present = {grant.service for grant in end.held}
        for entry in end.outbox.values():
            if entry.service not in present:
                entry.due_ms = now_ms

    def unreachable(self, now_ms: int, end_id: int, service: int, reference: int) -> None:
        """Take a sending service's notice that a receiving service does not answer (DELIV-6).

        The message escalates at once if there is another service to try.
        """
        end = self._ends[end_id]
        end.suspects = {**end.suspects, service: now_ms + self._terms.suspect_ms}
        entry = end.outbox.get(reference)
        others = any(end.suspects.get(g.service, 0) <= now_ms and g.valid_until_ms > now_ms for g in end.held)
        if entry is not None and entry.service == service and others:
            entry.due_ms = now_ms
