"""The operations that a testee may offer: what each needs, takes and gives.

Theory. One table decides three things: whether a vector applies to a testee (the hello offers all
that its operations need), whether an `unsupported` is honest (it is not, when the hello offers it),
and what the README tells implementers. An operation does one thing of one role, so that a client
without a service, or a service without a client, is tested for its own half.

Rules:

1. Names are `area.verb`; an operation is never renamed and never changes its arguments; a new
   meaning gets a new name.
2. Byte strings are hex, dates are seconds since 1970-01-01T00:00Z, handles are the testee's own.
3. What is drawn at random is named under `drawn`: it is compared only when the testee declares
   `derandomized`, and otherwise checked by opening it.
4. `name:rule` gives an argument or result its rule of the wire schema: what a testee produces there must fit it, drawn
   or not, and so must the bytes that a vector expects to be taken. A list fits if each of its items does.
5. Every name has a form in JSON (`forms`); `name=form` says it where a name has another one than elsewhere. Answers are
   held against it before anything else is looked at.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Final

import msgspec

from communicator_conformance.forms import Bytes, Event, Form, form_of, sized, structure, unfit
from communicator_spec.nodes import KEPT
from communicator_spec.schema import size_of, validate

__all__ = [
    "LIVE_OPERATIONS",
    "OPERATIONS",
    "Operation",
    "form_of_args",
    "form_of_result",
    "known_names",
    "misfit",
    "needs_of",
    "unfit_result",
]

_WORD: Final = re.compile(r"(\w+)(?::([\w-]+))?(?:=(\S+))?")


class Operation(msgspec.Struct, frozen=True):
    """One operation: what the hello must offer for it, its arguments and its results, their rules and their forms."""

    needs: frozenset[str]
    takes: frozenset[str]
    gives: frozenset[str]
    optional: frozenset[str] = frozenset()
    taken: dict[str, str] = {}
    given: dict[str, str] = {}
    asked: dict[str, Form] = {}
    answered: dict[str, Form] = {}


def misfit(rules: Mapping[str, str], fields: Mapping[str, object]) -> str | None:
    """Return the first of these arguments or results that does not fit its rule, and why; references fit."""
    for name in sorted(rules.keys() & fields.keys()):
        value = fields[name]
        for item in value if isinstance(value, list) else [value]:
            why = _misfit(rules[name], item)
            if why is not None:
                return f"{name} is no {why}"
    return None


def _misfit(rule: str, value: object) -> str | None:
    if isinstance(value, str):
        return None if value.startswith("$") else _judged(rule, value)
    return f"{rule}: not hex in lower case"


@lru_cache(4096)  # most vectors of an area share their bytes
def _judged(rule: str, text: str) -> str | None:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b"\0"
    return validate(rule, data) if data.hex() == text else f"{rule}: not hex in lower case"


def _op(needs: str, takes: str, gives: str = "", optional: str = "") -> Operation:
    wanted, given, extra = _words(takes), _words(gives), _words(optional)
    return Operation(
        frozenset(needs.split()),
        frozenset(wanted),
        frozenset(given),
        frozenset(extra),
        _rules(wanted | extra),
        _rules(given),
        {name: form_of(name, form) for name, (_, form) in (wanted | extra).items()},
        {name: _form(name, rule, form) for name, (rule, form) in given.items()},
    )


def _words(text: str) -> dict[str, tuple[str, str]]:
    """Read words of the shape `name:rule=form`; return name → (rule, form), empty where there is none."""
    found = [_WORD.fullmatch(word) for word in text.split()]
    return {word[1]: (word[2] or "", word[3] or "") for word in found if word}


def _rules(words: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    return {name: rule for name, (rule, _) in words.items() if rule}


def _form(name: str, rule: str, said: str) -> Form:
    """Return the form of a result: bytes have the size that their rule gives them."""
    size = size_of(rule) if rule else None
    return form_of(name, said) if size is None else sized(form_of(name, said), size)


OPERATIONS: dict[str, Operation] = {
    # A receiving service: its keys by generation, whatever the profile.
    "service.load": _op("rsa", "uri outer inner", "handle config:service-config"),
    "service.erase": _op("rsa", "service"),
    "document.decode": _op("rm document", "document origin", "revision config:service-config digest:digest delays"),
    "config.decode": _op("rm config", "config:service-config", "uri digest:digest"),
    # two-layer/1, the recipient, the sender and the receiving service in turn.
    "address.issue": _op(
        "rm two-layer/1", "root signing_seed config:service-config first count valid_until_s", "addresses:rdas"
    ),
    "address.diversify": _op("rm two-layer/1", "address:rdas config:service-config ciphertext", "address:sda"),
    "address.register": _op("rsa two-layer/1", "service root verify_key:public-key"),
    "address.resolve": _op("rsa two-layer/1", "service address:sda ciphertext", "root index valid_until_s"),
    "address.spend": _op("rsa two-layer/1", "service address:sda ciphertext", "root index valid_until_s"),
    "address.revoke": _op("rsa two-layer/1", "service root"),
    # label/1.
    "label.grant": _op("rm label/1", "secret epoch valid_until_s", "key:epoch-key"),
    "label.derive": _op("rm label/1", "key:epoch-key lane index", "label"),
    "label.seal": _op("rm label/1", "label ciphertext config:service-config", "sealed"),
    "label.register": _op("rsa label/1", "service root epoch key:epoch-key valid_until_s capacity lanes"),
    "label.resolve": _op("rsa label/1", "service sealed", "root epoch lane index valid_until_s ciphertext"),
    "label.spend": _op("rsa label/1", "service sealed", "root epoch lane index valid_until_s ciphertext"),
    "label.revoke": _op("rsa label/1", "service root", optional="epoch"),
    # Both profiles in the envelope.
    "envelope.seal": _op("rm envelope", "address config:service-config ciphertext:ciphertext", "envelope:request"),
    "envelope.resolve": _op("rsa envelope", "service envelope:request", "root ciphertext:ciphertext"),
    "envelope.spend": _op("rsa envelope", "service envelope:request", "root ciphertext:ciphertext"),
    "submission.decode": _op("ssa envelope", "submission:submission", "uri request not_after_s delay_mean_s"),
    "delivery.decode": _op("rm envelope", "delivery:delivery", "number ciphertext:ciphertext index epoch=number?"),
    # The body inside the ratchet.
    "body.decode": _op("rm body", "body:body", "kind number=number? received holds content=bytes?"),
    "body.encode": _op("rm body", "kind received holds content=bytes?", "body:body", "number=number?"),
    # Sessions.
    "package.decode": _op("rm session", "package:key-package", "identifier:digest"),
    "session.start": _op(
        "rm session", "signing_seed verify_key:public-key agreement_secret package:key-package", "handle"
    ),
    "session.accept": _op(
        "rm session",
        "signing_seed verify_key agreement_secret package:key-package made_s prekey_secret ciphertext:ciphertext",
        "handle body",
    ),
    # A session begun anew by an end that lost its state, and its answer; `newest_s` is the latest time adopted before.
    "session.restart": _op("rm resync", "signing_seed verify_key:public-key agreement_secret peer", "handle"),
    "session.answer": _op(
        "rm resync", "signing_seed verify_key agreement_secret peer newest_s ciphertext:ciphertext", "handle body"
    ),
    # Suite 2: packages with a key of ML-KEM, sessions that begin with them and begin anew, and the seal underneath.
    "hybrid.decode": _op("rm hybrid", "package:hybrid-package", "identifier:digest"),
    "hybrid.start": _op(
        "rm hybrid",
        "signing_seed verify_key:public-key agreement_secret package:hybrid-package",
        "handle restart_key",
    ),
    "hybrid.accept": _op(
        "rm hybrid",
        "signing_seed verify_key agreement_secret package:hybrid-package made_s prekey_secret ciphertext:ciphertext",
        "handle body restart_key",
    ),
    "hybrid.restart": _op(
        "rm hybrid resync", "signing_seed verify_key:public-key agreement_secret peer restart_key", "handle"
    ),
    "hybrid.answer": _op(
        "rm hybrid resync",
        "signing_seed verify_key agreement_secret peer restart_key newest_s ciphertext:ciphertext",
        "handle body",
    ),
    "hybrid.seal": _op("hybrid", "public_key info plaintext", "sealed"),
    "hybrid.open": _op("hybrid", "secret_key info sealed", "plaintext"),
    "session.seal": _op("rm session", "session body", "ciphertext:ciphertext"),
    "session.open": _op("rm session", "session ciphertext:ciphertext", "body"),
    "ratchet.initiate": _op("rm ratchet", "shared header_initiator header_responder peer_key:public-key", "handle"),
    "ratchet.respond": _op("rm ratchet", "shared header_initiator header_responder secret", "handle"),
    "ratchet.encrypt": _op("rm ratchet", "ratchet plaintext associated", "message"),
    "ratchet.lose": _op("rm ratchet", "ratchet count"),
    "ratchet.decrypt": _op("rm ratchet", "ratchet message associated", "plaintext"),
    "ratchet.state": _op("rm ratchet projection", "ratchet", "sent received=number previous kept"),
    # What messages carry.
    "attachment.size": _op("rm attachment", "length", "count"),
    "attachment.encrypt": _op("rm attachment", "key file length", "digest:hash chunks"),
    "attachment.seal": _op("rm attachment", "key count last plaintexts", "chunks"),
    "attachment.decrypt": _op("rm attachment", "key length chunks", "file_hash:hash", "digest"),
    "content.encode": _op("rm content", "type data attachments", "content:content"),
    "content.decode": _op("rm content", "content:content", "type data attachments"),
    "identity.fingerprint": _op("rm fingerprint", "own peer", "groups"),
    # Tokens: their holder, and the issuer (as).
    "token.challenge": _op("token", "issuer origin", "challenge digest:hash"),
    "token.key": _op("token", "key", "identifier:hash"),
    "token.begin": _op("rm token", "key digest:hash nonce salt blind", "handle request"),
    "token.request": _op("rm token", "key digest:hash", "handle request"),
    "token.finish": _op("rm token", "pending answer", "token"),
    "token.check": _op("ssa token", "key digest:hash token", "nonce"),
    "token.sign": _op("as token", "p q request", "answer"),
    # Directories: their readers, and the directory (ds).
    "entry.sign": _op(
        "rm directory", "name sequence identity signing_seed", "entry:directory-entry", optional="before_seed"
    ),
    "entry.decode": _op(
        "rm directory", "entry:directory-entry", "name sequence identity", optional="before:directory-entry"
    ),
    "entry.leaf": _op("rm directory", "entry:directory-entry", "leaf:log-leaf hash:hash"),
    "tree.hash": _op("ds directory", "leaves:log-leaf", "tree:hash"),
    "tree.inclusion": _op("ds directory", "leaves:log-leaf index", "path:hash"),
    "tree.consistency": _op("ds directory", "leaves:log-leaf first", "path:hash"),
    "head.sign": _op("ds directory", "seed uri size tree:hash", "head:log-head"),
    "head.check": _op("rm directory", "head:log-head uri key:public-key", "size tree:hash"),
    "head.join": _op("rm directory", "old:log-head new:log-head path:hash uri key:public-key"),
    "proof.check": _op("rm directory", "proof:directory-proof uri key:public-key name", "sequence identity"),
    "contact.decode": _op("rm directory", "contact:contact entry:directory-entry", "identifier:digest"),
    # The encryption underneath.
    "hpke.seal": _op("hpke", "public_key:public-key info plaintext", "sealed"),
    "hpke.open": _op("hpke", "secret_key info sealed", "plaintext"),
}

_STEP: Final = "requests transmissions deadline_s"
_OF: Final = "person relationship"
_SETTING: Final = "receiving sending"
_APART: Final = "silent_receiving silent_sending"

LIVE_OPERATIONS: dict[str, Operation] = {
    # A person's relationship manager, with its disk.
    "person.create": _op("rm live", "profile", "handle", "suite terms"),
    "person.learn": _op("rm live", "person config:service-config"),
    "person.invite": _op("rm live", f"{_OF} {_SETTING}", "package"),
    "person.accept": _op("rm live", f"{_OF} {_SETTING} package", "answer"),
    "person.complete": _op("rm live", f"{_OF} answer", f"greeting {_STEP}"),
    "person.conclude": _op("rm live", f"{_OF} greeting", _STEP),
    "person.submit": _op("rm live", f"{_OF} content", f"number {_STEP}"),
    "person.wake": _op("rm live", f"{_OF} silent", _STEP, _APART),
    "person.receive": _op("rm live", f"{_OF} uri deliveries:delivery", f"messages confirm {_STEP}"),
    "person.unreachable": _op("rm live", f"{_OF} uri reference", _STEP),
    "person.move": _op("rm live", f"{_OF} old=text {_SETTING} announce_s leave", _STEP),
    "person.senders": _op("rm live", f"{_OF} sending", _STEP),
    "person.released": _op("rm live", f"{_OF} uri", "released"),
    "person.leave": _op("rm live", "person uri empty", "left requests"),
    "person.read": _op("rm live", f"{_OF} numbers", _STEP),
    "person.end": _op("rm live", f"{_OF} tell silent", _STEP, _APART),
    "person.root": _op("rm live", f"{_OF} uri", "root=bytes?"),
    "person.standing": _op("rm live", _OF, "synchronised next waiting losses seen peer=texts"),
    "person.projection": _op("rm live formal", _OF, " ".join(KEPT)),
    "person.stray": _op("rm live formal", f"{_OF} uri serial position", "request"),
    # A sending service, with its disk.
    "sender.start": _op("ssa live", "uri", "handle", "terms"),
    "sender.submit": _op("ssa live", "sender submission:submission", "ticket"),
    "sender.due": _op("ssa live", "sender", "attempts next_s"),
    "sender.attempt": _op("ssa live formal", "sender ticket", "request=bytes?"),
    "sender.outcome": _op("ssa live", "sender ticket answered", "notice next_s", "refusal"),
    "sender.status": _op("ssa live", "sender ticket", "state unreachable"),
    # A receiving service, with its disk.
    "receiver.start": _op("rsa live", "uri", "handle config:service-config"),
    "receiver.register": _op("rsa live", "receiver root", "", "verify_key"),
    "receiver.issue": _op("rsa live", "receiver root epoch key valid_until_s capacity lanes"),
    "receiver.revoke": _op("rsa live", "receiver root", "", "epoch"),
    "receiver.accept": _op("rsa live", "receiver request"),
    "receiver.fetch": _op("rsa live", "receiver root", "deliveries:delivery"),
    "receiver.confirm": _op("rsa live", "receiver root numbers"),
    "receiver.rotate": _op("rsa live", "receiver", "config:service-config"),
    "receiver.erase": _op("rsa live", "receiver"),
    # The disk of each.
    **{
        f"{name}.{verb}": _op(f"{role} live", f"{name}{more}", given)
        for name, role in (("person", "rm"), ("sender", "ssa"), ("receiver", "rsa"))
        for verb, more, given in (("restart", "", ""), ("save", "", "snapshot"), ("restore", " snapshot", ""))
    },
}
"""Whole roles on a stage, for scripts; with the feature `events` each answer also gives `events`.

With the feature `opened` three answers of a person also give `opened`: `complete`, `conclude` and `receive`.
"""

_REPORTED: Final[dict[str, Form]] = {"events": list[Event], "opened": list[Bytes]}


def known_names() -> frozenset[str]:
    """Return every name that a hello may offer: roles, profiles and features."""
    every = (*OPERATIONS.values(), *LIVE_OPERATIONS.values())
    return frozenset({"derandomized", "events", "opened"}).union(*(operation.needs for operation in every))


@cache
def form_of_args(op: str) -> type:
    """Return the form of an operation's arguments."""
    operation = (OPERATIONS | LIVE_OPERATIONS)[op]
    asked = operation.asked
    must, may = ({n: asked[n] for n in sorted(names)} for names in (operation.takes, operation.optional))
    return structure(f"{op}.args", must, may, exact=True)


@cache
def form_of_result(op: str) -> type:
    """Return the form of what an operation gives; roles may add what they report."""
    operation = (OPERATIONS | LIVE_OPERATIONS)[op]
    given = {name: operation.answered[name] for name in sorted(operation.gives)}
    return structure(f"{op}.result", given, _REPORTED if op in LIVE_OPERATIONS else {}, exact=False)


def unfit_result(op: str, result: Mapping[str, object], *, fit: bool = True) -> str | None:
    """Return why the result of an operation has not the form, or not the bytes, of its place; None if it has.

    Without `fit` any bytes will do.
    """
    rules = (OPERATIONS.get(op) or LIVE_OPERATIONS[op]).given
    why = unfit(form_of_result(op), result)
    if why is None:
        return misfit(rules, result) if fit else None
    return why.replace("`$", "`ok")


def needs_of(ops: Iterable[str]) -> frozenset[str]:
    """Return everything that a hello must offer for all of these operations."""
    return frozenset().union(*(OPERATIONS[op].needs for op in ops))
