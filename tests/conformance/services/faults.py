"""Services that are wrong in one way, and the test that has to say so."""

import json
import time
from collections.abc import Callable
from typing import Final, NamedTuple

import cbor2
from tests.conformance.services.fronts import Asked, Change, Front, Given

from communicator_conformance.services.interface import items_of
from communicator_conformance.verdicts import Fault
from communicator_spec.parameters import PARAMETERS

__all__ = ["EARLY", "FAULTS", "Broken"]

PROBLEM: Final = {"content-type": "application/problem+json", "communicator-revision": "1"}


class Broken(NamedTuple):
    """What is wrong, the test that sees it, its fault, and words of its detail."""

    test: str
    fault: Fault
    words: str
    change: Change


def _at(method: str, path: str, asked: Asked) -> bool:
    return asked.method == method and asked.path.partition("?")[0] == path


def _instead(method: str, path: str, given: Given) -> Change:
    """Answer without passing the request on."""
    return Change(ask=lambda front, asked: given if _at(method, path, asked) else asked)


def _answer(method: str, path: str, change: Callable[[Front, Asked, Given], Given]) -> Change:
    return Change(give=lambda front, asked, given: change(front, asked, given) if _at(method, path, asked) else given)


def _request(method: str, path: str, change: Callable[[Front, Asked], Asked | Given | None]) -> Change:
    return Change(ask=lambda front, asked: change(front, asked) if _at(method, path, asked) else asked)


def _refusal(status: int, error_class: str) -> Given:
    return Given(status, PROBLEM, json.dumps({"class": error_class}).encode())


def _without(name: str) -> Callable[[Front, Asked, Given], Given]:
    return lambda front, asked, given: given._replace(headers={n: v for n, v in given.headers.items() if n != name})


def _with(name: str, value: str) -> Callable[[Front, Asked, Given], Given]:
    return lambda front, asked, given: given._replace(headers={**given.headers, name: value})


def _loses_every_third(front: Front, asked: Asked) -> Asked | Given:
    return Given(202, {}) if front.count % 3 == 0 else asked


def _newest_first(front: Front, asked: Asked, given: Given) -> Given:
    rows = items_of("messages", given.body) if given.status == 200 else []
    return given._replace(body=b"".join(cbor2.dumps(row, canonical=True) for row in reversed(rows)) or given.body)


def _shorter(front: Front, asked: Asked) -> Asked:
    return asked._replace(body=asked.body[: PARAMETERS.service.json_bytes_max])


def _only_known_members(front: Front, asked: Asked) -> Asked:
    try:
        found = json.loads(asked.body)
    except ValueError:
        return asked
    known = {name: value for name, value in found.items() if name in ("latency", "epoch")} if found else found
    return asked._replace(body=json.dumps(known).encode())


def _at_once(front: Front, asked: Asked) -> Asked:
    return asked._replace(path=asked.path.partition("?")[0])


def _shows_unknown(front: Front, asked: Asked, given: Given) -> Given:
    return _with("x-stored", "no")(front, asked, given) if front.is_unknown(asked) else given


def _late_for_unknown(front: Front, asked: Asked, given: Given) -> Given:
    if front.is_unknown(asked):
        time.sleep(0.06)
    return given


def _first_again(front: Front, asked: Asked, given: Given) -> Given:
    """Answer as at the first time."""
    return front.kept.setdefault(asked.path, given) if given.status < 400 else given


def _flipped(front: Front, asked: Asked, given: Given) -> Given:
    if given.status != 200 or asked.method != "GET" or not asked.path.startswith("/v1/names/"):
        return given
    proof = cbor2.loads(given.body)
    proof[2] = [bytes([step[0] ^ 1]) + step[1:] for step in proof[2]]
    return given._replace(body=cbor2.dumps(proof, canonical=True))


def _changes_bytes(front: Front, asked: Asked, given: Given) -> Given:
    is_download = asked.method == "GET" and asked.path.startswith("/v1/attachments/") and given.status == 200
    return given._replace(body=bytes(len(given.body))) if is_download else given


def _keeps_uploads(front: Front, asked: Asked) -> Asked | Given:
    return Given(204, {"communicator-revision": "1"}) if asked.method == "DELETE" else asked


def _turned_keys(front: Front, asked: Asked, given: Given) -> Given:
    found = json.loads(given.body)
    turned = found["token-keys"][front.count % 2 :] + found["token-keys"][: front.count % 2]
    return given._replace(body=json.dumps({**found, "token-keys": turned}).encode())


def _hands_out_again(front: Front, asked: Asked, given: Given) -> Given:
    is_contact = asked.method == "POST" and asked.path.endswith("/contact")
    return _first_again(front, asked, given) if is_contact else given


def _always_queued(front: Front, asked: Asked, given: Given) -> Given:
    if not asked.path.startswith("/v1/submissions/") or given.status != 200:
        return given
    return given._replace(body=b'{"state": "queued", "unreachable": false}')


def _takes_other_methods(front: Front, asked: Asked) -> Asked | Given:
    return Given(200, {}) if asked.method == "PATCH" else asked


def _known_key(front: Front, asked: Asked, given: Given) -> Given:
    return Given(204, {"communicator-revision": "1"}) if given.status == 401 else given


def _acks_early(front: Front, asked: Asked) -> Given:
    front.pass_later(asked)
    return Given(202, {})


def _hangs(front: Front, asked: Asked) -> None:
    time.sleep(8)


EARLY: Final = _request("POST", "/v1/accept", _acks_early)
"""It answers that a message is stored, and stores it later."""

FAULTS: Final = {
    "answers acceptance with a body": Broken(
        "receiving/accept/two-layer", Fault.SCHEMA, "202 has a body",
        _answer("POST", "/v1/accept", lambda front, asked, given: given._replace(body=b"thanks")),
    ),
    "hides the revision of its document": Broken(
        "receiving/register/again", Fault.SCHEMA, "204 without Communicator-Revision",
        _answer("POST", "/v1/roots", _without("communicator-revision")),
    ),
    "sets a cookie": Broken(
        "sending/state", Fault.SCHEMA, "sets a cookie", _answer("GET", "/v1/state", _with("set-cookie", "a=b")),
    ),
    "leads elsewhere": Broken(
        "sending/state", Fault.SCHEMA, "leads elsewhere",
        _instead("GET", "/v1/state", Given(307, {"location": "https://elsewhere.example/v1/state"})),
    ),
    "loses every third message": Broken(
        "receiving/fetch/order", Fault.LOST, "never stored", _request("POST", "/v1/accept", _loses_every_third),
    ),
    "confirms and keeps": Broken(
        "receiving/accept/two-layer", Fault.STATE, "what was confirmed is still there",
        _instead("POST", "/v1/confirm", Given(204, {"communicator-revision": "1"})),
    ),
    "revokes nothing": Broken(
        "receiving/revoke/root", Fault.ACCEPTED, "to be refused as forged",
        _instead("POST", "/v1/revoke", Given(204, {"communicator-revision": "1"})),
    ),
    "returns the newest first": Broken(
        "receiving/fetch/order", Fault.MISMATCH, "the oldest does not come first",
        _answer("GET", "/v1/messages", _newest_first),
    ),
    "refuses as another class": Broken(
        "receiving/register/otherwise", Fault.WRONG_CLASS, "409 replayed, not refused",
        _answer("POST", "/v1/roots", lambda f, a, given: _refusal(409, "replayed") if given.status == 403 else given),
    ),
    "refuses without a class": Broken(
        "receiving/register/otherwise", Fault.SCHEMA, "a refusal has the members",
        _answer("POST", "/v1/roots", lambda f, a, given: given._replace(body=b'{"detail": "no"}')
                if given.status == 403 else given),
    ),
    "refuses in another form": Broken(
        "receiving/register/otherwise", Fault.SCHEMA, "not application/problem+json",
        _answer("POST", "/v1/roots", lambda f, a, given: _with("content-type", "text/html")(f, a, given)
                if given.status == 403 else given),
    ),
    "takes longer JSON": Broken(
        "receiving/json/size", Fault.ACCEPTED, "to be refused as too-large", _request("POST", "/v1/latency", _shorter),
    ),
    "takes members that no schema names": Broken(
        "receiving/json/members", Fault.ACCEPTED, "to be refused as malformed",
        _request("POST", "/v1/latency", _only_known_members),
    ),
    "tells of what is to be pulled": Broken(
        "receiving/latency/pull", Fault.ACCEPTED, "a message of class pull", _request("GET", "/v1/messages", _at_once),
    ),
    "shows that an address is unknown": Broken(
        "receiving/alike/bytes", Fault.TOLD_APART, "unknown is answered with another headers",
        _answer("POST", "/v1/accept", _shows_unknown),
    ),
    "is 20 ms late for unknown addresses": Broken(
        "receiving/alike/time", Fault.TOLD_APART, "by the time until the answer: unknown",
        _answer("POST", "/v1/accept", _late_for_unknown),
    ),
    "knows every access key": Broken(
        "receiving/unknown/key", Fault.ACCEPTED, "to be refused as forged", _answer("POST", "/v1/latency", _known_key),
    ),
    "takes a token twice": Broken(
        "receiving/token/register-spent", Fault.ACCEPTED, "to be refused as replayed",
        _answer("POST", "/v1/roots", lambda f, a, given: Given(204, {"communicator-revision": "1"})
                if given.status == 409 else given),
    ),
    "shows no challenge": Broken(
        "receiving/token/register-missing", Fault.MISMATCH, "carries no challenge",
        _answer("POST", "/v1/roots", _without("www-authenticate")),
    ),
    "takes and drops": Broken(
        "sending/submit/brings", Fault.LOST, "never stored",
        _instead("POST", "/v1/submit", Given(202, {"content-type": "application/json", "communicator-revision": "1"},
                                             b'{"ticket": "AAAAAAAAAAAAAAAAAAAAAA"}')),
    ),
    "remembers a ticket that never was": Broken(
        "sending/ticket/unknown", Fault.STATE, "a ticket that never was", Change(give=_always_queued),
    ),
    "stores other bytes": Broken(
        "sending/upload/stores", Fault.MISMATCH, "other bytes come back", Change(give=_changes_bytes),
    ),
    "deletes nothing": Broken(
        "sending/upload/deletes", Fault.ACCEPTED, "to be refused as unknown", Change(ask=_keeps_uploads),
    ),
    "shows an old head": Broken(
        "directory/log/grows", Fault.LOST, "the head does not count it",
        _answer("GET", "/v1/log/head", _first_again),
    ),
    "proves nothing": Broken(
        "directory/entry/registers", Fault.MISMATCH, "a proof: refused as forged", Change(give=_flipped),
    ),
    "hands out a contact twice": Broken(
        "directory/contact/once", Fault.DOUBLED, "handed out twice", Change(give=_hands_out_again),
    ),
    "shows each asker other keys": Broken(
        "authorization/keys/announced", Fault.TOLD_APART, "two sets of keys",
        _answer("GET", "/.well-known/private-token-issuer-directory", _turned_keys),
    ),
    "counts no tokens": Broken(
        "authorization/issue/batch", Fault.STATE, "0 tokens are counted of 64",
        _answer("GET", "/v1/allowance", _first_again),
    ),
    "fails inside": Broken(
        "receiving/epoch/again", Fault.DIED, "answered 500, which counts as no answer",
        _instead("POST", "/v1/epochs", Given(500, {})),
    ),
    "hangs": Broken("receiving/epoch/again", Fault.HUNG, "no answer within", _request("POST", "/v1/epochs", _hangs)),
    "takes other methods": Broken(
        "sending/unknown/method", Fault.ACCEPTED, "to be refused as unknown", Change(ask=_takes_other_methods),
    ),
}  # fmt: skip
