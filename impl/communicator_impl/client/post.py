"""What is on its way to a service: requests to own services, parcels for sending services, and their tickets.

Theory. What a step of the core asks for is written down in the transaction of that step, and struck off after a service
has answered. So each of it is tried until it is done, by whichever process comes next, and trying twice does no harm.

Rules:

1. Requests are carried out in the order in which they were planned; a service that does not answer holds up its own.
2. A parcel that nobody may bring any more, by either clock, is dropped: its message escalates as if it had been lost
   on the way.
3. A grant that a service does not take, since it does not know the root, waits until that is registered again.
4. What has to be paid is tried with one token until it is answered (TOK-17). Without one it waits, and nothing else
   does; one that is not taken is forgotten, and the service's document is read again: it may have other issuers now.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from communicator_impl import wire
from communicator_impl.client.book import Book
from communicator_impl.client.courier import Courier, Progress, Silent
from communicator_impl.client.purses import Payment, Purses, Unpaid
from communicator_impl.client.records import Parcel, Ticket, number_name, packed, unpacked
from communicator_impl.client.vault import Vault
from communicator_impl.errors import ServiceError
from communicator_impl.particle_fields import PENDING, RegisterRoot, Request
from communicator_impl.submission import Submission
from communicator_impl.tokens import Purpose
from communicator_impl.turn import Outgoing
from communicator_spec.errors import ErrorClass

__all__ = ["Post"]

_COUNTER: Final = "counter"
_REQUEST_BYTES_MAX: Final = 1 << 16
_NOT_TAKEN: Final = (ErrorClass.FORGED, ErrorClass.REPLAYED)
_PREFIXES: Final = ("request/", "outgoing/", "ticket/")


class Post:
    """What is not done yet, of one device."""

    def __init__(
        self,
        vault: Vault,
        book: Book,
        courier: Courier,
        purses: Purses,
        clock: Callable[[], int],
        said: Callable[[Parcel, str], None],
    ) -> None:
        self._vault, self._book, self._courier, self._purses = vault, book, courier, purses
        self._clock, self._said = clock, said

    def count(self) -> int:
        """Return a number that was never given before."""
        number = int.from_bytes(self._vault.load(_COUNTER) or b"") + 1
        self._vault.save(_COUNTER, number.to_bytes(8))
        return number

    def is_empty(self) -> bool:
        """Tell whether everything is done."""
        return not any(True for prefix in _PREFIXES for _ in self._vault.keys(prefix))

    def plan_request(self, request: Request) -> None:
        """Write a request down."""
        self._vault.save(number_name("request", self.count()), wire.encode(PENDING.write((request,))))

    def plan_parcel(self, out: Outgoing) -> None:
        """Write a transmission down."""
        parcel = Parcel(out.via, out.service, out.request, out.not_after_ms, out.relationship, out.reference)
        self._vault.save(number_name("outgoing", self.count()), packed(parcel))

    def carry_out(self) -> None:
        """Carry out what own services are asked for."""
        for name, value in self._vault.items("request/"):
            (request,) = PENDING.read(wire.decode(value, _REQUEST_BYTES_MAX))
            if self._book.may_ask(request.service, self._clock()):
                with suppress(Unpaid):  # rule 4
                    self._carry_out(name, request)

    def _carry_out(self, name: str, request: Request) -> None:
        payment = Payment()
        if isinstance(request, RegisterRoot):  # RECV-5
            document = self._book.document(request.service)
            (payment,) = self._purses.pay_later(document, Purpose.REGISTER, request.access_key)
        try:
            self._courier.carry_out(self._book.uri(request.service), request, payment.token)
        except Silent:
            self._book.silent(request.service, self._clock())
        except ServiceError as error:
            if isinstance(request, RegisterRoot) and error.error_class in _NOT_TAKEN:
                self._not_taken(request.service, payment)
            elif error.error_class is not ErrorClass.FORGED:  # rule 3
                raise
        else:
            self._book.heard(request.service, self._clock())
            with self._vault.together():
                self._vault.delete(name)
                self._purses.settled(payment)

    def _not_taken(self, service: int, payment: Payment) -> None:
        self._purses.settled(payment)
        self._book.doubt(service, self._clock())

    def registers(self, service: int) -> bool:
        """Tell whether a root is still to be registered at a service."""
        found = (PENDING.read(wire.decode(value, _REQUEST_BYTES_MAX))[0] for _, value in self._vault.items("request/"))
        return any(isinstance(request, RegisterRoot) and request.service == service for request in found)

    def hand_over(self) -> None:
        """Hand parcels to sending services, and keep their tickets."""
        for name, value in self._vault.items("outgoing/"):
            parcel = unpacked(value, Parcel)
            if parcel.not_after_ms <= self._clock():  # rule 2
                self._vault.delete(name)
            elif self._book.may_ask(parcel.via, self._clock()):
                self._hand_over(name, parcel)

    def _hand_over(self, name: str, parcel: Parcel) -> None:
        submission, document = _submission(parcel, self._book), self._book.document(parcel.via)
        try:
            (payment,) = self._purses.pay_later(document, Purpose.SUBMIT, submission.digest())
        except Unpaid:
            self._said(parcel, "no token")
            return
        try:
            ticket = self._courier.submit(self._book.uri(parcel.via), submission, parcel.relationship, payment.token)
        except Silent:
            self._book.silent(parcel.via, self._clock())
            self._said(parcel, "not taken")
            return
        except ServiceError as error:
            if error.error_class in _NOT_TAKEN:
                self._not_taken(parcel.via, payment)
                self._said(parcel, "no token")
                return
            if error.error_class is not ErrorClass.EXPIRED:
                raise
            with self._vault.together():  # rule 2, by the service's clock
                self._vault.delete(name)
                self._purses.settled(payment)  # TOK-18 gives it back to nobody here
                self._said(parcel, "expired")
            return
        self._book.heard(parcel.via, self._clock())
        with self._vault.together():
            self._vault.delete(name)
            self._purses.settled(payment)
            self._said(parcel, "taken")
            self._vault.save(number_name("ticket", self.count()), packed(Ticket.of(parcel, ticket)))

    def asked_after(self) -> Iterator[tuple[str, Ticket, Progress]]:
        """Ask what became of what was handed over: name of the row, ticket and answer, for each that is known."""
        for name, value in self._vault.items("ticket/"):
            held = unpacked(value, Ticket)
            if held.not_after_ms <= self._clock():
                self._vault.delete(name)
            elif self._book.may_ask(held.via, self._clock()):
                try:
                    yield name, held, self._courier.progress(self._book.uri(held.via), held.ticket, held.relationship)
                except Silent:
                    self._book.silent(held.via, self._clock())
                except ServiceError:  # a service that has forgotten it
                    self._vault.delete(name)


def _submission(parcel: Parcel, book: Book) -> Submission:
    return Submission(book.uri(parcel.service), parcel.request, parcel.not_after_ms)
