"""The sending and the receiving service as roles of a script."""

from typing import Final

from communicator_impl import addresses as a
from communicator_impl.adapter.lines import Call
from communicator_impl.adapter.live import Book, Role, ms, operations, played, seconds
from communicator_impl.adapter.walked import terms_of
from communicator_impl.addresses.values import epoch_key, root
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, PeerError
from communicator_impl.receiving_service import Answer, ReceivingService
from communicator_impl.root_record import delivery_of
from communicator_impl.sending_service import RetryAt, SendingService, Ticket
from communicator_impl.submission import Submission
from communicator_spec import Terms
from communicator_spec.errors import ErrorClass

__all__ = ["RECEIVER_OPERATIONS", "SENDER_OPERATIONS"]


class _Receiver(Role):
    def __init__(self, uri: str, entropy: Entropy, now_ms: int) -> None:
        super().__init__(entropy)
        self._uri = uri
        self.restart(now_ms)

    def restart(self, now_ms: int) -> None:
        self.core = ReceivingService(
            0, self._uri, tuple(a.Profile), now_ms, self.disk, self.draws, self.reported.append
        )

    def uri(self, number: int) -> str:
        return self._uri


def _start_receiver(c: Call) -> object:
    receiver = _Receiver(c.text("uri"), c.entropy, ms(c))
    return c.keep(receiver, config=receiver.core.config().encode())


def _receiver(c: Call) -> ReceivingService:
    return played(c, "receiver", _Receiver).core


def _register(c: Call) -> None:
    verify_key = c.raw("verify_key") if c.args.get("verify_key") is not None else None
    _receiver(c).register_root(root(c.raw("root")), verify_key)


def _issue(c: Call) -> None:
    epoch, until_s, capacity, lanes = map(c.number, ("epoch", "valid_until_s", "capacity", "lanes"))
    of, key = root(c.raw("root")), epoch_key(c.raw("key"))
    _receiver(c).issue(a.LabelGrant(of, epoch, key, until_s, capacity, lanes))


def _accept(c: Call) -> None:
    answer = _receiver(c).accept(ms(c), c.raw("request")).answer
    if answer is not Answer.TAKEN:
        raise PeerError(ErrorClass(answer.value))


def _fetch(c: Call) -> object:
    of = root(c.raw("root"))
    service = _receiver(c)
    profile = a.Profile.LABEL if service.epochs(of) else a.Profile.TWO_LAYER
    return {"deliveries": [delivery_of(item, profile).encode() for item in service.fetch(of)]}


def _rotate(c: Call) -> object:
    _receiver(c).rotate_keys(ms(c))
    return {"config": _receiver(c).config().encode()}


def _confirm(c: Call) -> None:
    _receiver(c).confirm(ms(c), root(c.raw("root")), frozenset(c.numbers("numbers")))


RECEIVER_OPERATIONS: Final = operations(
    "receiver",
    _Receiver,
    {
        "start": _start_receiver,
        "register": _register,
        "issue": _issue,
        "revoke": lambda c: _receiver(c).revoke(root(c.raw("root")), c.optional("epoch")),
        "accept": _accept,
        "fetch": _fetch,
        "confirm": _confirm,
        "rotate": _rotate,
        "erase": lambda c: _receiver(c).erase(ms(c)),
    },
)


class _Sender(Role):
    def __init__(self, uri: str, entropy: Entropy, now_ms: int, terms: Terms) -> None:
        super().__init__(entropy)
        self._terms = terms
        self._book = Book()
        self._via = self._book.number(uri)
        self.restart(now_ms)

    def restart(self, now_ms: int) -> None:
        self.core = SendingService(
            self._via, self._terms, self.disk, self.draws, self.reported.append, self._book.number
        )

    def uri(self, number: int) -> str:
        return self._book.uri(number)


def _start_sender(c: Call) -> object:
    sender = _Sender(c.text("uri"), c.entropy, ms(c), terms_of(c))
    sender.draws.least = "terms" in c.args
    return c.keep(sender)


def _sender(c: Call) -> SendingService:
    return played(c, "sender", _Sender).core


def _drawn(c: Call, label: str) -> float:
    return played(c, "sender", _Sender).draws.fraction(label, 0, 0)


def _submit(c: Call) -> object:
    draw = _drawn(c, "sending.delay")
    return {"ticket": _sender(c).submit(ms(c), Submission.decode(c.raw("submission")), draw=draw)}


def _due(c: Call) -> object:
    core, now_ms = _sender(c), ms(c)
    tried = [(ticket, core.attempt(now_ms, ticket)) for ticket in core.take_due(now_ms)]
    attempts = [{"ticket": t, "uri": found.uri, "request": found.request} for t, found in tried if found is not None]
    return {"attempts": attempts, "next_s": seconds(core.next_ms())}


def _outcome(c: Call) -> object:
    refusal = None if c.args.get("refusal") is None else _class(c.text("refusal"))
    draw = _drawn(c, "sending.retry")
    outcome = _sender(c).outcome(
        ms(c), Ticket(c.raw("ticket")), answered=c.flag("answered"), draw=draw, refusal=refusal
    )
    notice = isinstance(outcome, RetryAt) and outcome.notice
    return {"notice": notice, "next_s": seconds(_sender(c).next_ms())}


def _attempt(c: Call) -> object:
    attempt = _sender(c).attempt(ms(c), Ticket(c.raw("ticket")))
    return {"request": None if attempt is None else attempt.request}


def _class(name: str) -> ErrorClass:
    if name not in [known.value for known in ErrorClass]:
        raise InputError(ErrorClass.MALFORMED, "no error class")
    return ErrorClass(name)


def _status(c: Call) -> object:
    status = _sender(c).status(ms(c), c.raw("ticket"))
    return {"state": status.state.name.lower(), "unreachable": status.unreachable}


SENDER_OPERATIONS: Final = operations(
    "sender",
    _Sender,
    {
        "start": _start_sender,
        "submit": _submit,
        "due": _due,
        "attempt": _attempt,
        "outcome": _outcome,
        "status": _status,
    },
)
