"""Receiving services in any order of registering, spending, revoking, waiting: each address once, before its date.

Theory. A service may do anything inside; outside, chapter 2 leaves it no choice. An address that is registered, before
its date, unspent and not revoked is taken; any other is refused with the class of the first check that fails, in the
order of the chapter's tables. A refusal changes nothing.
"""

from typing import ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from communicator_conformance.properties.searching import Machine
from communicator_conformance.properties.stock import CIPHERTEXT, named, step_of, verify_key_of
from communicator_conformance.properties.trial import NOW, Args
from communicator_conformance.vectors import Step
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["Labels", "TwoLayer"]

HOUR_S: Final = 3600
_A: Final = PARAMETERS.address
ROOTS: Final = ("first", "second")
UNTIL_S: Final = {"first": NOW + 6 * HOUR_S, "second": NOW + 48 * HOUR_S}
WAITS_S: Final = (6 * HOUR_S, 1, 6 * HOUR_S - 2, 42 * HOUR_S)  # the first date, up to its last second, the second date
INDICES: Final = st.sampled_from((0, 1, 2, 3, *(k * _A.label_window + d for k in (1, 2) for d in (-1, 0, 1, 2))))
"""Both ends of the window, before and after it has moved."""


class _Services(Machine):
    """A service with keys, a clock, and what was registered, revoked and spent."""

    def set_out(self) -> None:
        """Load keys; nothing is registered yet."""
        self.now = NOW
        self.config = step_of("address/diversify", "address.diversify").args["config"]
        self.registered: set[tuple[str, int]] = set()
        self.revoked: set[tuple[str, int]] = set()
        with self.judged() as trial:
            self.service = f"${trial.take('service.load', step_of('address/replayed', 'service.load').args)}.handle"

    @precondition(lambda self: self.now < NOW + 40 * HOUR_S)
    @rule(seconds=st.sampled_from(WAITS_S))
    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.now += seconds

    def ask(self, op: str, args: Args, refused: ErrorClass | None = None, result: Args | None = None) -> None:
        """Ask one step of the service, at the machine's time."""
        with self.judged() as trial:
            if refused is None:
                trial.take(op, {"service": self.service, **args}, result, self.now)
            else:
                trial.refuse(op, {"service": self.service, **args}, refused, self.now)


class TwoLayer(_Services):
    """`two-layer/1`: an address is one root and index, however often it is diversified."""

    name = "two-layer"
    needs = frozenset({"rsa", "two-layer/1"})
    clauses = ("ADDR-16", "ADDR-17", "ADDR-24", "RECV-6")
    examples = 60

    def set_out(self) -> None:
        """Load keys; nothing is registered yet."""
        super().set_out()
        self.spent: set[tuple[str, int]] = set()
        self.used: list[tuple[str, int]] = []
        self.register("first")

    @rule(root=st.sampled_from(ROOTS))
    def register(self, root: str) -> None:
        """Register a root, perhaps again."""
        if (root, 0) not in self.revoked:
            self.registered.add((root, 0))
            self.ask("address.register", _owner(root))

    @rule(root=st.sampled_from(ROOTS))
    def register_with_another_key(self, root: str) -> None:
        """Register a root again, and otherwise."""
        if (root, 0) in self.registered - self.revoked:
            other = {**_owner(root), "verify_key": verify_key_of(named("another key"))}
            self.ask("address.register", other, ErrorClass.REFUSED)

    @precondition(lambda self: self.registered - self.revoked)
    @rule(root=st.sampled_from(ROOTS))
    def revoke(self, root: str) -> None:
        """Revoke a root."""
        if (root, 0) in self.registered - self.revoked:
            self.revoked.add((root, 0))
            self.ask("address.revoke", {"root": _owner(root)["root"]})

    @rule()
    def erase(self) -> None:
        """Let the service drop what has expired."""
        self.ask("service.erase", {})

    @rule(root=st.sampled_from(ROOTS), index=st.integers(0, 2), copy=st.integers(0, 1), spends=st.booleans())
    def use(self, root: str, index: int, copy: int, spends: bool) -> None:
        """Spend or resolve an address, diversified once or anew."""
        self._use(root, index, copy, spends=spends)

    @precondition(lambda self: self.used)
    @rule(place=st.integers(0, 9), copy=st.integers(0, 1), spends=st.booleans())
    def use_again(self, place: int, copy: int, spends: bool) -> None:
        """Spend or resolve what was spent before."""
        self._use(*self.used[place % len(self.used)], copy, spends=spends)

    def _use(self, root: str, index: int, copy: int, *, spends: bool) -> None:
        refused = self._refusal(root, index)
        if refused is None and spends:
            self.spent.add((root, index))
            self.used.append((root, index))
        result = {"root": _owner(root)["root"], "index": index, "valid_until_s": UNTIL_S[root]}
        args = {"address": self._address(root, index, copy), "ciphertext": CIPHERTEXT}
        self.ask("address.spend" if spends else "address.resolve", args, refused, result)

    def probe(self) -> list[Step]:
        """Register and spend what no rule touches."""
        owner = _owner("reserve")
        args = {"address": self._address("reserve", 0, 0), "ciphertext": CIPHERTEXT, "service": self.service}
        now = None if self.now == NOW else self.now
        return [
            Step("probe-register", "address.register", {**owner, "service": self.service}, now),
            Step("probe", "address.spend", args, now, {"root": owner["root"], "index": 0}),
        ]

    def _refusal(self, root: str, index: int) -> ErrorClass | None:
        if (root, 0) not in self.registered - self.revoked:  # ADDR-24
            return ErrorClass.UNKNOWN
        if self.now >= UNTIL_S[root]:  # ADDR-16
            return ErrorClass.EXPIRED
        return ErrorClass.REPLAYED if (root, index) in self.spent else None  # ADDR-17

    def _address(self, root: str, index: int, copy: int) -> object:
        until_s = UNTIL_S.get(root, NOW + 200 * HOUR_S)
        owner = {"root": _owner(root)["root"], "signing_seed": named(root)}
        span = {"config": self.config, "first": 0, "count": 3, "valid_until_s": until_s}
        issued = self.of.stock.make("address.issue", {**owner, **span})
        addresses = issued["addresses"]
        assert isinstance(addresses, list)
        args = {"address": addresses[index], "config": self.config, "ciphertext": CIPHERTEXT}
        made = self.of.stock.make("address.diversify", args, copy=copy)
        return made["address"]


class Labels(_Services):
    """`label/1`: a label counts while it is in the window of its epoch and lane."""

    name = "label"
    needs = frozenset({"rsa", "label/1"})
    clauses = ("ADDR-16", "ADDR-22", "ADDR-24", "RECV-6")
    capacity: ClassVar[dict[str, int]] = {"first": 2 * _A.label_window + 2, "second": 3}
    lanes: ClassVar[int] = 2
    examples = 40

    def set_out(self) -> None:
        """Load keys; nothing is registered yet."""
        super().set_out()
        self.spent: dict[tuple[str, int, int], set[int]] = {}
        self.erased: set[tuple[str, int]] = set()
        self.used: list[tuple[str, int, int, int]] = []
        self.register("first", 0)

    @rule(root=st.sampled_from(ROOTS), epoch=st.integers(0, 1))
    def register(self, root: str, epoch: int) -> None:
        """Register an epoch, perhaps again."""
        if (root, epoch) not in self.revoked | self.erased:
            self.registered.add((root, epoch))
            self.ask("label.register", self._grant(root, epoch))

    @rule(root=st.sampled_from(ROOTS), epoch=st.integers(0, 1))
    def register_with_another_capacity(self, root: str, epoch: int) -> None:
        """Register an epoch again, and otherwise."""
        if (root, epoch) in self._live():
            self.ask("label.register", {**self._grant(root, epoch), "capacity": 7}, ErrorClass.REFUSED)

    @rule(root=st.sampled_from(ROOTS), epoch=st.sampled_from((None, 0, 1)))
    def revoke(self, root: str, epoch: int | None) -> None:
        """Revoke an epoch, or all of a root."""
        gone = {(root, e) for e in (0, 1) if epoch in (None, e)} & self._live()
        if gone:
            self.revoked |= gone
            which = {} if epoch is None else {"epoch": epoch}
            self.ask("label.revoke", {"root": named(root, _A.root_bytes), **which})

    @rule()
    def erase(self) -> None:
        """Let the service drop what has expired."""
        self.erased |= {(root, epoch) for root, epoch in self._live() if self.now >= UNTIL_S[root]}
        self.ask("service.erase", {})

    @rule(root=st.sampled_from(ROOTS), epoch=st.integers(0, 1), lane=st.integers(0, 2), index=INDICES)
    def use(self, root: str, epoch: int, lane: int, index: int) -> None:
        """Spend a label."""
        self._use("label.spend", root, epoch, lane, index)

    @rule(index=INDICES, spends=st.booleans())
    def use_the_first(self, index: int, spends: bool) -> None:
        """Spend or resolve a label of the first epoch: where most is known."""
        self._use("label.spend" if spends else "label.resolve", "first", 0, 0, index)

    @rule(inside=st.booleans(), above=st.booleans())
    def use_an_edge(self, inside: bool, above: bool) -> None:
        """Spend the first or last label of a window, or one outside."""
        low, high = self._window("first", 0, 0)
        self._use("label.spend", "first", 0, 0, high - inside if above else low if inside else max(0, low - 2))

    @precondition(lambda self: self.used)
    @rule(place=st.integers(0, 9))
    def use_again(self, place: int) -> None:
        """Spend what was spent before."""
        self._use("label.spend", *self.used[place % len(self.used)])

    def _use(self, op: str, root: str, epoch: int, lane: int, index: int) -> None:
        refused = self._refusal(root, epoch, lane, index)
        if refused is None and op == "label.spend":
            self.spent.setdefault((root, epoch, lane), set()).add(index)
            self.used.append((root, epoch, lane, index))
        of = {"root": named(root, _A.root_bytes), "epoch": epoch, "lane": lane, "index": index}
        self.ask(op, {"sealed": self._sealed(root, epoch, lane, index)}, refused, of)

    def probe(self) -> list[Step]:
        """Register and spend what no rule touches."""
        grant = {**self._grant("reserve", 0), "service": self.service}
        now = None if self.now == NOW else self.now
        sealed = {"sealed": self._sealed("reserve", 0, 0, 0), "service": self.service}
        return [
            Step("probe-register", "label.register", grant, now),
            Step("probe", "label.spend", sealed, now, {"root": named("reserve", _A.root_bytes), "index": 0}),
        ]

    def _live(self) -> set[tuple[str, int]]:
        return self.registered - self.revoked - self.erased

    def _refusal(self, root: str, epoch: int, lane: int, index: int) -> ErrorClass | None:
        spent = self.spent.get((root, epoch, lane), set())
        low, high = self._window(root, epoch, lane)
        if (root, epoch) not in self._live() or lane >= self.lanes or not low <= index < high or index in spent:
            return ErrorClass.UNKNOWN
        return ErrorClass.EXPIRED if self.now >= UNTIL_S[root] else None  # ADDR-16

    def _window(self, root: str, epoch: int, lane: int) -> tuple[int, int]:
        top = max(self.spent.get((root, epoch, lane), ()), default=-1) + 1
        return max(0, top - _A.label_window), min(top + _A.label_window, self.capacity[root])  # ADDR-22

    def _grant(self, root: str, epoch: int) -> dict[str, object]:
        until_s = UNTIL_S.get(root, NOW + 200 * HOUR_S)
        of = {"root": named(root, _A.root_bytes), "epoch": epoch, "key": named(f"{root} {epoch}")}
        return {**of, "valid_until_s": until_s, "capacity": self.capacity.get(root, 1), "lanes": self.lanes}

    def _sealed(self, root: str, epoch: int, lane: int, index: int) -> object:
        place = {"key": named(f"{root} {epoch}"), "lane": lane, "index": index}
        label = self.of.stock.make("label.derive", place)["label"]
        sealed = {"label": label, "ciphertext": CIPHERTEXT, "config": self.config}
        return self.of.stock.make("label.seal", sealed)["sealed"]


def _owner(root: str) -> dict[str, object]:
    return {"root": named(root, _A.root_bytes), "verify_key": verify_key_of(named(root))}
