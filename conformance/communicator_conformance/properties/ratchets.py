"""Two ends of a ratchet, both the program's: messages in any order, dropped, repeated, many skipped at once.

Theory. What an end keeps follows from what it was given: of each chain how far it has come, and which skipped keys it
still has. From that the rules say of every delivery whether it is read, has been read, or skips too many. A message
that is read gives its plaintext once; a refusal changes nothing.

Rules:

1. Messages are known by place: chain and number. An end begins a new chain when it speaks after one that is new to it.
2. So few chains and keys are made that only the limit of one chain is met, beside that of a skip.
3. Of a chain that has ended and of which nothing is kept, an end may have forgotten all; its messages are not repeated.
"""

from typing import Final, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from communicator_conformance.properties.searching import Machine
from communicator_conformance.properties.stock import step_of
from communicator_conformance.vectors import Step
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["Ratchets", "Readers"]

_S: Final = PARAMETERS.session
AD: Final = "520b6d547052951e23db82e0f64f7ec725663b07e6058d2bd96bf4c2b7e2bf59"
INITIATOR, RESPONDER = 0, 1
PLACES: Final = st.integers(0, 9)
WRITTEN: Final = (0, 1, 2, 3, _S.skip_max, _S.skip_max + 1, _S.skip_max + 5, 2 * _S.skip_max)
NUMBERS: Final = st.sampled_from(WRITTEN)


class _Message(NamedTuple):
    """A message: who wrote it, its place, how long the chain before was, its plaintext and the step that gave it."""

    writer: int
    chain: int
    number: int
    previous: int
    plaintext: str
    step: str


class _End:
    """What the rules know of one end."""

    def __init__(self, handle: str) -> None:
        self.handle = handle
        self.speaks = False  # whether it has keys to write with
        self.chain = 0  # its own chain: number, length so far, length of the one before
        self.sent = 0
        self.previous = 0
        self.heard = -1  # the peer's newest chain, and how far it has come
        self.next = 0
        self.kept: dict[int, list[int]] = {}  # by chain of the peer the skipped numbers, in ascending order
        self.answers = False  # has heard a new chain since it spoke


class Ratchets(Machine):
    """Any order of deliveries, drops, duplicates, and skips at the limit."""

    name = "ratchet"
    needs = frozenset({"rm", "ratchet"})
    examples = 25
    clauses = ("SES-16", "SES-17", "SES-18", "SES-19", "SES-20")

    def set_out(self) -> None:
        """Begin both ends."""
        self.unread: list[_Message] = []
        self.read: list[_Message] = []
        self.skips = 0
        with self.judged() as trial:
            respond = trial.take("ratchet.respond", step_of("ratchet/turn", "ratchet.respond").args)
            initiate = trial.take("ratchet.initiate", step_of("ratchet/turn", "ratchet.initiate").args)
        self.ends = (_End(f"${initiate}.handle"), _End(f"${respond}.handle"))
        self.ends[INITIATOR].speaks = True

    @rule(writer=st.sampled_from((INITIATOR, RESPONDER)), count=st.integers(1, 3))
    def write(self, writer: int, count: int) -> None:
        """Let an end write; who has heard nothing yet cannot."""
        for _ in range(count):
            self._write(writer)

    def _write(self, writer: int) -> None:
        end, plaintext = self.ends[writer], f"message {len(self.unread) + len(self.read)}".encode().hex()
        args = {"ratchet": end.handle, "plaintext": plaintext, "associated": AD}
        with self.judged() as trial:
            if not end.speaks:
                trial.refuse("ratchet.encrypt", args, ErrorClass.REFUSED)  # SES-17
                return
            self._turn(end)
            step = trial.take("ratchet.encrypt", args)
        self.unread.append(_Message(writer, end.chain, end.sent, end.previous, plaintext, step))
        end.sent += 1

    @precondition(lambda self: self.skips < 2)
    @rule(writer=st.sampled_from((INITIATOR, RESPONDER)), count=st.sampled_from((1, _S.skip_max - 1, _S.skip_max, 3)))
    def lose(self, writer: int, count: int) -> None:
        """Let an end write messages that nobody gets."""
        end = self.ends[writer]
        if end.speaks:
            self.skips += 1
            self._turn(end)
            with self.judged() as trial:
                trial.take("ratchet.lose", {"ratchet": end.handle, "count": count})
            end.sent += count

    @precondition(lambda self: self.unread)
    @rule(place=PLACES)
    def deliver(self, place: int) -> None:
        """Deliver a message, in any order."""
        self._deliver(self.unread[-1 - place % len(self.unread)])

    @precondition(lambda self: self.read)
    @rule(place=PLACES)
    def deliver_again(self, place: int) -> None:
        """Deliver what was read before."""
        message = self.read[-1 - place % len(self.read)]
        reader = self.ends[1 - message.writer]
        if message.chain == reader.heard or reader.kept.get(message.chain):  # rule 3
            self._deliver(message)

    @precondition(lambda self: self.unread)
    @rule(place=PLACES)
    def spoil_then_deliver(self, place: int) -> None:
        """Deliver a message with other associated data, and then as it was."""
        message = self.unread[-1 - place % len(self.unread)]
        reader = self.ends[1 - message.writer]
        if _refusal(reader, message) is None:
            args = {"ratchet": reader.handle, "message": f"${message.step}.message", "associated": AD}
            with self.judged() as trial:
                trial.refuse("ratchet.decrypt", {**args, "associated": AD[::-1]}, ErrorClass.FORGED, instead=args)
            self._deliver(message)

    def _deliver(self, message: _Message) -> None:
        reader = self.ends[1 - message.writer]
        refused = _refusal(reader, message)
        args = {"ratchet": reader.handle, "message": f"${message.step}.message", "associated": AD}
        with self.judged() as trial:
            if refused is not None:
                trial.refuse("ratchet.decrypt", args, refused)
                return
            trial.take("ratchet.decrypt", args, {"plaintext": message.plaintext})
        if message in self.unread:
            _note(reader, message)
            self.unread.remove(message)
            self.read.append(message)

    def probe(self) -> list[Step]:
        """Let the initiator write."""
        end = self.ends[INITIATOR]
        return [Step("probe", "ratchet.encrypt", {"ratchet": end.handle, "plaintext": "00", "associated": AD})]

    @staticmethod
    def _turn(end: _End) -> None:
        """Begin a new chain if one of the peer's is new (rule 1)."""
        if end.answers:
            end.answers = False
            if end.sent or end.chain or end.previous:
                end.chain, end.previous, end.sent = end.chain + 1, end.sent, 0


class Readers(Machine):
    """One end, which reads what the partner has written: in any order, repeated, with any byte changed."""

    name = "ratchet-reader"
    needs = frozenset({"rm", "ratchet"})
    examples = 40
    clauses = ("SES-16", "SES-18", "SES-19", "SES-20")

    def set_out(self) -> None:
        """Begin to read."""
        with self.judged() as trial:
            self.end = _End(f"${trial.take('ratchet.respond', step_of('ratchet/turn', 'ratchet.respond').args)}.handle")

    @rule(number=NUMBERS)
    def deliver(self, number: int) -> None:
        """Deliver a message, perhaps again."""
        message = _Message(INITIATOR, 0, number, 0, f"message {number}".encode().hex(), "")
        refused = _refusal(self.end, message)
        args = {"ratchet": self.end.handle, "message": self._written()[number], "associated": AD}
        with self.judged() as trial:
            if refused is not None:
                trial.refuse("ratchet.decrypt", args, refused)
                return
            trial.take("ratchet.decrypt", args, {"plaintext": message.plaintext})
        _note(self.end, message)

    @rule(number=NUMBERS, place=st.sampled_from((0, _S.salt_bytes, _S.salt_bytes + _S.header_sealed_bytes, -1)))
    def spoil_then_deliver(self, number: int, place: int) -> None:
        """Deliver a message with one bit changed, and then as it was."""
        if _refusal(self.end, _Message(INITIATOR, 0, number, 0, "", "")) is None:
            good = self._written()[number]
            bad = bytearray.fromhex(good)
            bad[place] ^= 1
            args = {"ratchet": self.end.handle, "message": good, "associated": AD}
            with self.judged() as trial:
                trial.refuse("ratchet.decrypt", {**args, "message": bad.hex()}, ErrorClass.FORGED, instead=args)
            self.deliver(number)

    def probe(self) -> list[Step]:
        """Read the next message."""
        number = min((n for n in WRITTEN if n >= self.end.next), default=WRITTEN[-1])
        return [Step("probe", "ratchet.decrypt", {"ratchet": self.end.handle, "message": self._written()[number],
                                                  "associated": AD})]  # fmt: skip

    def _written(self) -> dict[int, str]:
        """Return what the partner has written, by number; the others are lost."""
        stock = self.of.stock
        ratchet = {
            "ratchet": stock.make("ratchet.initiate", step_of("ratchet/turn", "ratchet.initiate").args)["handle"]
        }
        found, last = {}, -1
        for number in WRITTEN:
            if number > last + 1:
                stock.make("ratchet.lose", {**ratchet, "count": number - last - 1})
            plaintext = f"message {number}".encode().hex()
            made = stock.make("ratchet.encrypt", {**ratchet, "plaintext": plaintext, "associated": AD})
            found[number], last = str(made["message"]), number
        return found


def _refusal(end: _End, m: _Message) -> ErrorClass | None:
    if m.chain < end.heard or (m.chain == end.heard and m.number < end.next):
        return None if m.number in end.kept.get(m.chain, ()) else ErrorClass.REPLAYED  # SES-20
    came = end.next if m.chain == end.heard else 0
    before = m.previous - end.next if m.chain > end.heard >= 0 else 0
    return ErrorClass.LIMIT if m.number - came > _S.skip_max or before > _S.skip_max else None  # SES-18


def _note(end: _End, m: _Message) -> None:
    if m.number in end.kept.get(m.chain, ()):
        end.kept[m.chain].remove(m.number)
        return
    if m.chain > end.heard:
        if end.heard >= 0:
            _skip(end, end.heard, m.previous)
        end.heard, end.next, end.speaks, end.answers = m.chain, 0, True, True
    _skip(end, m.chain, m.number)
    end.next = m.number + 1


def _skip(end: _End, chain: int, until: int) -> None:
    """Keep the keys up to a number, the newest ones that there is room for (SES-19)."""
    kept = end.kept.setdefault(chain, [])
    kept += range(end.next, until)
    del kept[: max(0, len(kept) - _S.chain_keys_max)]
