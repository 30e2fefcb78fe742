"""Whether this device's clock is right, by what its services say.

Theory. Addresses and messages end by dates, so a device whose clock is wrong does harm: an address that it issues is
over at once, or lives for too long, and what has not ended is given up. Services say what time it is with every answer
(the header `Date`). One of them may be wrong or lie, so the clock counts as right if it agrees with any that answers.

Rules:

1. A clock that is more than an hour from all services that answered is wrong: the person is told, and until it is right
   no address is issued, nothing is sent, nothing is fetched, and nothing is given up (SEC-5).
2. Where nobody answers, or nobody says the time, the clock is believed.
3. The time of an answer lies between question and answer if the clocks agree, however long that took.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from communicator_impl.client.book import Book
from communicator_impl.client.courier import Courier
from communicator_impl.errors import InputError
from communicator_spec import ErrorClass

__all__ = ["Clocks", "Off"]

_RIGHT_S: Final = 3600
_ASKED_AGAIN_MS: Final = 600_000


class Off(NamedTuple):
    """How far this clock is ahead of a service's; behind it, if negative."""

    uri: str
    ahead_s: int

    @property
    def line(self) -> str:
        """What the person is told if this clock is wrong."""
        where = f"{self._hours} {'ahead of' if self.ahead_s > 0 else 'behind'} that of {self.uri}"
        return (
            f"the clock of this machine is {where}; set it right, or use services that are right. "
            "Until then nothing is sent, fetched or issued; what you write is kept"
        )

    @property
    def other_line(self) -> str:
        """What the person is told if the service's clock is wrong."""
        where = "behind" if self.ahead_s > 0 else "ahead"
        return f"the clock of {self.uri} is {self._hours} {where}, that of another service is not; tell its operator"

    @property
    def _hours(self) -> str:
        return f"{round(abs(self.ahead_s) / 3600)} hours"


class Clocks:
    """The clock of one device beside those of its services."""

    def __init__(self, book: Book, courier: Courier, clock: Callable[[], int]) -> None:
        self._book, self._courier, self._clock = book, courier, clock
        self._asked_ms: int | None = None
        self.off: Off | None = None

    def check(self) -> Off | None:
        """Find out whether the clock is wrong; asks sending services for the time, unless that was done lately."""
        senders = self._book.setting.sending
        now_ms = self._clock()
        if self.off or self._asked_ms is None or abs(now_ms - self._asked_ms) >= _ASKED_AGAIN_MS:
            self._asked_ms = now_ms
            for number in senders:
                self._book.hear(number, now_ms)
                if self._is_right(number):
                    break
        self.off = self._found()
        return self.off

    def demand(self) -> None:
        """Raise `InputError` while the clock is wrong."""
        if (off := self.check()) is not None:
            raise InputError(ErrorClass.REFUSED, off.line)

    def lines(self) -> list[str]:
        """Return what the person is to be told of clocks, this one or a service's."""
        if self.off:
            return [self.off.line]
        return [off.other_line for off in self._all() if abs(off.ahead_s) > _RIGHT_S]

    def _found(self) -> Off | None:
        nearest = min(self._all(), key=lambda off: abs(off.ahead_s), default=None)
        return None if nearest is None or abs(nearest.ahead_s) <= _RIGHT_S else nearest  # SEC-5

    def _is_right(self, number: int) -> bool:
        ahead_s = self._courier.ahead_s.get(self._book.uri(number))
        return ahead_s is not None and abs(ahead_s) <= _RIGHT_S

    def _all(self) -> Sequence[Off]:
        setting = self._book.setting
        uris = [self._book.uri(number) for number in dict.fromkeys((*setting.sending, *setting.receiving))]
        return [Off(uri, self._courier.ahead_s[uri]) for uri in uris if uri in self._courier.ahead_s]
