"""Leaks planted into the reference implementation, each a testee: `python leaking.py NAME` speaks the line protocol.

Theory. A secrecy that nobody has seen broken may be one that nobody looks for. So for each game there is an
implementation that loses it, by a mistake that somebody could make in good faith: messages still arrive wherever the
mistake allows it, and nothing in a view is touched.

Rules:

1. A leak: what changes in which module, while it is loaded, and which tests of privacy have to find it.
2. A change that no longer fits its source stops the program.
3. `KEPT` makes draws of some labels once for each person and service, and gives them again and again.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Mapping, Sequence
from types import CodeType, ModuleType
from typing import Final, NamedTuple

Changes = Mapping[tuple[str, str], str]
"""(module, what stands there) → what stands there instead."""


class Leak(NamedTuple):
    """One leaking implementation, and the games that it loses; `profiles` in which it does."""

    changes: Changes
    loses: frozenset[str]
    profiles: tuple[str, ...] = ("label/1", "two-layer/1")
    alike: bool = False  # whether everybody has to use it, since others refuse what it writes


DRAW = ("adapter.live", "        return self.now.draw(label, n)")
KEPT = """        kept = {names}.get(label)
        if kept is None:
            return self.now.draw(label, n)
        first = self.__dict__.setdefault("kept " + kept[0], self.now.draw(label, n))
        return first[: kept[1]] + self.now.draw(label, n)[kept[1] :]"""
REQUEST = ("adapter.tokens", 'tokens.request(_key(c), c.raw("digest"), c.entropy)')
CLOCK = 'tokens.request(_key(c), c.raw("digest"), type(c.entropy)(b"%d" % c.now))'
FACTOR = ("blind_rsa", 'factor, _ = _unit(entropy, "token.blind", key.n)')
OUT = ("outbox", "Outgoing(via, grant.service, not_after_ms, request, turn.relationship")
SUBMISSION = ("adapter.person", "Submission(book.uri(out.service), out.request, out.not_after_ms)")


def keeps(labels: Mapping[str, tuple[str, int]]) -> dict[tuple[str, str], str]:
    """Return the change that keeps draws: by label, the name under which it is kept, and how many bytes of it."""
    return {DRAW: KEPT.format(names=repr(dict(labels)))}


def _of(party: str, *relations: str) -> frozenset[str]:
    return frozenset(f"privacy/{party}/{relation}" for relation in relations)


S, R, C, N = "sending-service", "receiving-service", "correspondent", "network"
D, A = "directory-service", "authorization-service"

LEAKS: Final = {
    # The ephemeral key of the seal is drawn once, so that every request of a person begins alike.
    "reuses_its_ephemeral_key": Leak(
        keeps({"label.seal": ("seal", 32), "two-layer.outer": ("seal", 32)}),
        _of(S, "same-message", "same-relationship", "same-person"),
    ),
    # A receipt goes out at once: it shows which message it answers.
    "acknowledges_at_once": Leak(
        {("inbox", "return receipt_delay_ms(draw, self._terms)"): "return 0"},
        _of(S, "both-ends") | _of(R, "both-ends") | _of(N, "both-ends"),
    ),
    # Bodies are not padded: what a person writes has a length.
    "pads_nothing": Leak(
        {
            ("session", "+ bytes(size - overhead - len(body))"): "",
            ("session", "if len(ciphertext) not in _CLASSES:"): "if False:",
            ("envelope", "if len(ciphertext) not in _E.ciphertext_classes_bytes:"): "if False:",
        },
        _of(N, "same-transmission", "same-message", "same-relationship", "same-person")
        | _of(S, "same-message", "same-relationship", "same-person"),
        alike=True,
    ),
    # What is sent again are the bytes that were sent before.
    "sends_the_same_bytes_again": Leak(
        {
            OUT: OUT[1].replace(
                "request",
                "vars(self).setdefault('kept', {}).setdefault((turn.relationship, number), request)"
                " if number != NONE else request",
            )
        },
        _of(S, "same-message") | _of(R, "same-message") | _of(f"{S}+{R}", "same-message"),
    ),
    # All randomness of a token comes from the clock.
    "draws_tokens_from_the_clock": Leak(
        {REQUEST: CLOCK},
        _of(S, "same-account")
        | _of(R, "same-account")
        | _of(f"{S}+{R}", "same-account")
        | _of(D, "same-account", "same-person")
        | _of(f"{D}+{R}", "same-account", "same-person")
        | _of(A, "same-person"),
    ),
    # Requests for tokens are not blinded: the issuer sees what it signs, and its answer is the token's signature.
    "blinds_nothing": Leak({FACTOR: "factor = 1"}, _of(f"{A}+{S}", "same-token") | _of(f"{A}+{R}", "same-token")),
    # Both: each token of one minute is the same, and not blinded.
    "blinds_nothing_and_draws_from_the_clock": Leak(
        {REQUEST: CLOCK, FACTOR: "factor = 1"}, _of(f"{A}+{S}", "same-person") | _of(f"{A}+{R}", "same-person")
    ),
    # A person is one identity for everybody.
    "has_one_identity": Leak(
        keeps({"identity.sign": ("sign", 32), "identity.agree": ("agree", 32)}),
        _of(C, "same-person") | _of(f"{C}+{C}", "same-person"),
    ),
    # One secret makes the addresses of all relationships.
    "has_one_secret_for_all_roots": Leak(
        keeps({"label.secret": ("secret", 32), "two-layer.signing": ("secret", 32)}), _of(R, "same-person")
    ),
    # A correspondent holds the same epoch key as the service where another relationship is registered.
    "has_one_epoch_key": Leak(
        keeps({"label.secret": ("secret", 32)}), _of(f"{C}+{R}", "same-person"), profiles=("label/1",)
    ),
    # Addresses are signed with the key of the identity, and a person has one.
    "signs_addresses_with_its_identity": Leak(
        keeps({"identity.sign": ("sign", 32), "two-layer.signing": ("sign", 32)}),
        _of(f"{C}+{R}", "same-person"),
        profiles=("two-layer/1",),
    ),
    # Every root begins with the number of the device, and every request ends with it.
    "tells_its_device": Leak(
        keeps({"label.root": ("device", 12), "two-layer.root": ("device", 12)})
        | {SUBMISSION: SUBMISSION[1].replace("out.request", "out.request + _person(c).draws.__dict__['kept device']")},
        _of(f"{S}+{R}", "same-person"),
    ),
}


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads one module with its source changed."""

    def __init__(self, fullname: str, path: str, changes: Mapping[str, str]) -> None:
        super().__init__(fullname, path)
        self._changes = changes

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path).decode()
        for was, now in self._changes.items():
            if was not in source:
                sys.exit(f"the leak does not fit {fullname}: {was}")
            source = source.replace(was, now)
        code: CodeType = compile(source, self.path, "exec")
        return code


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules that are to be changed."""

    def __init__(self, changes: Changes) -> None:
        self._modules: dict[str, dict[str, str]] = {}
        for (module, was), now in changes.items():
            self._modules.setdefault(f"communicator_impl.{module}", {})[was] = now

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._modules:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _Loader(fullname, spec.origin, self._modules[fullname])
        return spec


def main(name: str) -> None:
    sys.meta_path.insert(0, _Finder(LEAKS[name].changes))
    importlib.import_module("communicator_impl.adapter").main()


if __name__ == "__main__":
    main(sys.argv[1])
