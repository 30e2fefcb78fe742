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
from typing import Final, TypeVar, cast

from communicator_model.ends import NEVER, NOTHING, Body, End, Entry, Transmission, only, without
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
    peer_of,
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
        self._ends: dict[int, End] = {}
        self._values: dict[Hashable, object] = {}

    # ---------------------------------------------------------------- what people do

    def pair(self, now_ms: int, first: int, people: tuple[int, int], settings: tuple[Setting, Setting]) -> None:
        """Start a relationship between two devices that meet: each gets a first address set of the other."""
        ends = (End(*settings[0]), End(*settings[1]))
        for end_id, person, end in zip((first, first + 1), people, ends, strict=True):
            self._ends[end_id] = end
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
        return self._ends[end_id].deadline_ms()

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
                now_ms, end.held, end.used, senders, end.turns, number + entry.attempts, end.suspects,
                end.confirmed < end.version,
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
        if end.version < max(
            end.moved.values(), default=0
        ):  # the replacement could not be reached: nothing to announce yet
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
        sent = 0
        for service in sorted({grant.service for grant in end.held}):
            if sent == most:
                break
            offers = end.held if most == 1 else tuple(g for g in end.held if g.service == service)
            path = choose_path(now_ms, offers, end.used, senders, end.turns, end.automated, end.suspects, news)
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
        via, grant = path
        key = (grant.service, grant.serial)
        position = end.used.get(key, 0)
        if not position:
            end.used, key = end.used or {}, self._shared(key)
        if not end.turns:
            end.turns = {}
        end.used[key] = position + 1
        end.turns[via] = end.turns.get(via, 0) + 1
        end.receipt_due = NEVER  # whatever travels carries the receipt
        above = ranges(end.beyond, self._terms.ranges_max) if end.beyond else ()
        news = end.mine if end.confirmed < end.version else None
        body = Body(command, number, end.floor, above, end.held_version, end.version, news)
        parcel = Parcel(peer_of(end_id), grant.serial, position, body)
        self._emit((now_ms, _SENT, end_id, number, grant.service, grant.serial, position, via, command))
        not_after_ms = min(now_ms + self._terms.queue_lifetime_ms, grant.valid_until_ms)
        return Transmission(via, grant.service, not_after_ms, parcel, end_id, number, draw_index)

    # ---------------------------------------------------------------- own addresses

    def _refresh(self, now_ms: int, end_id: int, end: End, *, in_conversation: bool, everywhere: bool = False) -> None:
        """Renew the own set where that is due, and register what is new.

        `everywhere`: also at services out of reach, which learn of it when they are back. Only a first set is issued
        so: two people who meet must not part without addresses (STATE-8).
        """
        if now_ms < end.renew_at:
            return
        terms = self._terms
        grants, fresh = renew(
            now_ms, end.services, _always if everywhere else self._reach.receiving.__getitem__, end.mine, end.serials,
            lambda grant: end.spent.get((grant.service, grant.serial), 0), terms, in_conversation,
        )  # fmt: skip
        if grants and grants != end.mine:
            grants = tuple(map(self._shared, grants))
            introduced = dict(zip(end.mine, end.introduced, strict=True))
            end.mine = grants
            end.version += 1
            end.spent = only(end.spent, grants)
            end.introduced = self._shared(tuple([introduced.get(grant, end.version) for grant in grants]))
            for grant in map(self._shared, fresh):
                self._issue(now_ms, end_id, end, grant)
        self._plan_renewal(now_ms, end, in_conversation)

    def _shared(self, value: V) -> V:
        """Return the one object that stands for all equal values: ends that meet within an hour have much in common."""
        return cast(V, self._values.setdefault(value, value))

    def _issue(self, now_ms: int, end_id: int, end: End, grant: Grant) -> None:
        service, serial, long_term, until_ms, _ = grant
        end.note_issued(grant)
        if service in end.release_due:  # STATE-27: it is in use again
            end.release_due = without(end.release_due, service)
        self._services[service].issue(now_ms, end_id, grant)
        self._emit((now_ms, _ISSUED, end_id, end.version, service, serial, int(long_term), -1, until_ms))

    def _plan_renewal(self, now_ms: int, end: End, in_conversation: bool) -> None:
        terms = self._terms
        renew_at = update_due = NEVER
        for _, _, long_term, until_ms, _ in end.mine:
            if long_term:
                renew_at = min(renew_at, until_ms - terms.long_term_refresh_ms)
                update_due = min(update_due, until_ms - terms.long_term_refresh_ms // 2)
            else:
                renew_at = min(renew_at, until_ms - terms.ephemeral_refresh_ms)
        wanted = len(end.services) * (2 if terms.ephemeral_lifetime_ms else 1)
        if len(end.mine) < wanted:  # a service was out of reach, or this was no conversation
            renew_at = min(renew_at, now_ms + (terms.retry_max_ms if in_conversation else 0))
        end.renew_at = renew_at
        end.update_due = update_due if terms.announces else NEVER

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
        end = self._ends[end_id]
        core = self._services[service]
        for serial, position, body in core.fetch(end_id):
            if not end.ended:
                address = (service, serial, position)
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
        for grant in end.mine:
            if grant.serial == serial and grant.service == service:
                break
        else:
            return  # of a set that was replaced
        key = (service, serial)
        spent = max(end.spent.get(key, 0), position + 1)
        if grant.long_term and self._is_bypassed(now_ms, end, service):
            spent = grant.capacity  # STATE-22
        end.spent = end.spent or {}
        end.spent[self._shared(key)] = spent
        if 2 * spent >= grant.capacity:  # STATE-6
            end.renew_at = min(end.renew_at, now_ms)

    def _is_bypassed(self, now_ms: int, end: End, service: int) -> bool:
        """Tell whether the peer holds a usable ephemeral grant at one of the own services."""
        return any(
            usable(grant, end.spent.get(grant[:2], 0), now_ms) and introduced <= end.confirmed
            for grant, introduced in zip(end.mine, end.introduced, strict=True)
            if grant.service == service and not grant.long_term
        )

    def _apply(self, now_ms: int, end_id: int, end: End, service: int, body: Body) -> None:
        command, number, floor, above, holds, version, grants = body
        if grants is not None and version > end.held_version:  # STATE-1
            self._adopt(end, grants, version)
            end.credit += command == _MOVED  # the peer's person decided
            self._emit((now_ms, _UPDATED, end_id, -1, -1, -1, -1, -1, version))
            self._redirect(now_ms, end)
        if holds > end.confirmed:
            self._confirm(now_ms, end, holds)
        if end.outbox:
            self._settle(now_ms, end_id, end, floor, above)
        if command == _MESSAGE:
            self._deliver(now_ms, end_id, end, service, number)
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
        end.held, end.held_version = grants, version
        end.used = only(end.used, grants)
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
