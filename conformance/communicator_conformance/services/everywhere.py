"""Tests of what all services share (8.1): the document, paths and methods that no table has, and unknown keys.

Theory. The same questions go to every service of an origin; what they need is taken from its interface, so a new
operation is asked as soon as the file has it.
"""

from collections.abc import Callable
from typing import Final

import cbor2

from communicator_conformance.services.cases import Case
from communicator_conformance.services.client import Answer
from communicator_conformance.services.interface import OPERATIONS
from communicator_conformance.services.outcomes import Skipped, expect
from communicator_conformance.services.owners import packed
from communicator_conformance.services.world import World, base64url, bearer
from communicator_conformance.verdicts import Fault
from communicator_spec.errors import ErrorClass
from communicator_spec.openapi import SERVICES
from communicator_spec.parameters import PARAMETERS

__all__ = ["EVERYWHERE"]

_WELL_KNOWN: Final = PARAMETERS.service.document_path
_METHODS: Final = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
_STAND_IN: Final = {"{name}": "conformance", "{ticket}": "A" * 22, "{id}": "A" * 22}
_ENTRY: Final = cbor2.dumps({0: 1}, canonical=True)
_ONE: Final = "application/private-token-request"


def _document(part: str) -> Callable[[World], None]:
    def play(world: World) -> None:
        answer = world.client.call(f"{part}.document").must(200)
        found = answer.json()
        expect(part in found, f"the document names no {part} service", Fault.UNMET)
        uri = found[part]["uri"]
        expect(uri == world.origin.uri, f"the document says {uri}: ask the service there, or set its URI")
        expect(len(answer.body) <= PARAMETERS.service.document_bytes_max, "the document is too large")
        expect(answer.reply.header("communicator-revision") == str(found["revision"]), "the revision is another one")
        if part == "receiving":
            expect(bool(world.origin.config), "no configuration")  # read by the partner, as every device reads it

    return play


def _unknown_path(part: str) -> Callable[[World], None]:
    def play(world: World) -> None:
        world.origin.part(part)
        for place in ("/v1/conformance", "/v1", "/v2/accept", "/.well-known/conformance"):
            for method in ("GET", "POST"):
                world.client.raw(method, place).refused(ErrorClass.UNKNOWN)

    return play


def _unknown_method(part: str) -> Callable[[World], None]:
    def play(world: World) -> None:
        world.origin.part(part)
        known: dict[str, set[str]] = {}
        for name in SERVICES:  # one origin may run several services
            for operation in (o for o in OPERATIONS.values() if o.name.startswith(f"{name}.")):
                known.setdefault(operation.path, set()).add(operation.method)
        asked = {o.path for o in OPERATIONS.values() if o.name.startswith(f"{part}.")}
        for path in sorted(asked):
            place = path
            for name, value in _STAND_IN.items():
                place = place.replace(name, value)
            for method in _METHODS:
                if method not in known[path]:
                    world.client.raw(method, place).refused(ErrorClass.UNKNOWN)

    return play


def _unknown_key(part: str) -> Callable[[World], None]:
    """An access key that nobody has is forged, except where something is to be forgotten."""

    def play(world: World) -> None:
        world.origin.part(part)
        asks, forgets = _keyed(world)[part]
        if not asks and not forgets:
            raise Skipped("no operation with an access key")
        unknown = bearer(base64url(world.draw(PARAMETERS.service.access_key_bytes)))
        for ask in asks:
            ask(unknown).refused(ErrorClass.FORGED)
            ask({}).refused(ErrorClass.FORGED, ErrorClass.MALFORMED)
        for forget in forgets:
            forget(unknown).must(204)

    return play


Ask = Callable[[dict[str, str]], Answer]


def _keyed(world: World) -> dict[str, tuple[tuple[Ask, ...], tuple[Ask, ...]]]:
    """Return for each service what is asked with an access key, and what asks to forget."""
    call = world.client.call
    epoch = {"epoch": 1, "key": base64url(bytes(32)), "valid_until": world.now // 3600 * 3600 + 7200, "capacity": 8}
    request = b"\0\2\0" + b"\1" * PARAMETERS.token.authenticator_bytes
    name = {"name": "conformance"}
    return {
        "receiving": (
            (
                lambda key: call("receiving.registerEpoch", json=packed(epoch), headers=key),
                lambda key: call("receiving.setLatency", json=b'{"latency":"pull"}', headers=key),
                lambda key: call("receiving.messages", headers=key),
                lambda key: call("receiving.confirm", json=b'{"numbers":[1]}', headers=key),
            ),
            (lambda key: call("receiving.revoke", json=b"{}", headers=key),),
        ),
        "sending": ((), (lambda key: call("sending.deleteUpload", path={"id": "A" * 22}, headers=key),)),
        "directory": (
            (lambda key: call("directory.stock", path=name, headers=key),),
            (),
        ),
        "authorization": (
            (
                lambda key: call("authorization.issue", body=request, media=_ONE, headers=key),
                lambda key: call("authorization.allowance", headers=key),
            ),
            (),
        ),
    }


def _cases(part: str) -> tuple[Case, ...]:
    return (
        Case(f"service/{part}/document", ("SVC-14", "SVC-18"), _document(part)),
        Case(f"service/{part}/unknown/path", ("SVC-22",), _unknown_path(part)),
        Case(f"service/{part}/unknown/method", ("SVC-22",), _unknown_method(part)),
        Case(f"service/{part}/unknown/key", ("SVC-12",), _unknown_key(part)),
    )


EVERYWHERE: Final = tuple(case for part in SERVICES for case in _cases(part))
