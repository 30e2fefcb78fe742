"""A search through one interface with schemathesis: what its file allows and forbids, and what the service answers.

Theory. The file of an interface is a promise about every request. Schemathesis makes requests that keep to it and
requests that break it, at the bounds first and then at random, follows its links, and holds each answer against it.
Here is what it cannot know: who may do what (`world`), what a refusal looks like (chapter 8.1), and which of its checks
do not hold for this standard, with the reason.

Rules:

1. Where a request is to be good, it gets the authority that it needs, and most often all of a request that succeeds.
2. Where a part of it is to be bad, all other parts are those of a request that succeeds: so the bad part is judged.
3. What is chosen here depends on what was generated, and that on the seed: a search can be repeated.
"""

import json
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import schemathesis
from hypothesis import strategies as st
from schemathesis import engine
from schemathesis.core import NOT_SET
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine import events
from schemathesis.generation.meta import CoveragePhaseData, CoverageScenario
from tests.services.described.world import MAKERS, ONE_REQUEST, Real, World

from communicator_spec import ErrorClass
from communicator_spec.errors import STATUS
from communicator_spec.openapi import load_openapi

__all__ = ["NOT_REACHED", "Effort", "Found", "search"]

PROBLEM: Final = "application/problem+json"
NEGATIVE: Final = ["400", "401", "403", "404", "409", "410", "413", "429"]
METHODS: Final = ["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"]
NOT_REACHED: Final = {
    "notify": "it answers 101 to a WebSocket, which this search does not open; test_described does",
    "fetchAttachment": "it fetches only from public addresses; test_proxy has what it answers",
}
NOT_SO_HERE: Final = {
    "unsupported_method": "a method that no table has is unknown, 404 (SVC-22); refused_by_class looks",
    "allow_header_conformance": "no answer names methods (SVC-10)",
    "positive_data_acceptance": "what fits a schema may still be unknown, forged or too much",
    "missing_required_header": "the only header is Authorization, and ignored_auth looks at that",
    "ensure_resource_availability": "what was uploaded is there: download counts its successes",
    "object_level_authorization": "there are no accounts that could be told apart; test_alike looks",
}
FORGETS: Final = ("revoke", "deleteUpload")
"""With a key that is unknown these have nothing to forget, and succeed (SVC-12); without one they are malformed."""
BY_KEY: Final = ("deleteUpload", "stock")
"""What is asked with the key of what a link names."""
Case = schemathesis.Case[Any]
BYTES: Final = ("application/cbor", "application/cbor-seq", "application/octet-stream", ONE_REQUEST)
TEXT_MAX: Final = 300

for _media in BYTES:
    schemathesis.openapi.media_type(_media, st.binary(max_size=64))


class Effort(NamedTuple):
    """How much is tried: examples at random for each operation, when to stop, a seed; without it, always the same."""

    examples: int
    seconds: int | None = None
    seed: int | None = None


class Found(NamedTuple):
    """What a search saw: answers by operation and status, and what is wrong, in words that repeat it."""

    answers: Counter[tuple[str, int]]
    wrong: tuple[str, ...]

    def reached(self, operation: str) -> int:
        """Return how often an operation succeeded."""
        return sum(n for (name, status), n in self.answers.items() if name == operation and 200 <= status < 300)


@schemathesis.check
def refused_by_class(ctx: object, response: schemathesis.Response, case: Case) -> None:
    """A refusal has the status and the body of its class, and tells no more (SVC-4, SVC-5, SVC-10, SVC-22)."""
    assert "set-cookie" not in response.headers, "a cookie"
    data = case.meta.phase.data if case.meta else None
    if isinstance(data, CoveragePhaseData) and data.scenario is CoverageScenario.UNSPECIFIED_HTTP_METHOD:
        assert response.status_code == 404, f"{response.status_code} to a method that no table has"
    if response.status_code < 400:
        return
    kind, status = response.headers.get("content-type", [""])[0], response.status_code
    assert kind == PROBLEM, f"{status} as {kind!r}"
    body = json.loads(response.content)
    assert {"class"} <= set(body) <= {"class", "detail"}, "the members of a refusal"
    assert STATUS[ErrorClass(body["class"])] == status, f"{status} of class {body['class']}"
    assert "Traceback" not in response.text, "a traceback"
    assert (status == 429) == ("retry-after" in response.headers), "Retry-After"


def search(world: World, service: str, effort: Effort, base: str = "", only: str = "") -> Found:
    """Search one service, or `only` one operation of it; `base`: another place with the same interface."""
    document = load_openapi(service)
    _link(document)
    if only:
        document["paths"] = {path: of for path, of in document["paths"].items() if only in _names(of)}
    schema: schemathesis.BaseSchema = schemathesis.openapi.from_dict(
        document, config=_config(effort, base or world.services[service].base)
    )
    schema.auth(refresh_interval=None)(_authority(world))
    schema.hook("after_call")(_learns(world))
    answers: Counter[tuple[str, int]] = Counter()
    wrong: list[str] = []
    for event in engine.from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _count(event, answers, wrong)
        elif isinstance(event, events.NonFatalError):
            wrong.append(f"{event.label}: {event.info.format()}")
        elif isinstance(event, events.FatalError):
            raise event.exception
    return Found(answers, tuple(dict.fromkeys(wrong)))


def _count(event: events.ScenarioFinished, answers: Counter[tuple[str, int]], wrong: list[str]) -> None:
    recorder = event.recorder
    for case_id, interaction in recorder.interactions.items():
        if interaction.response is not None and case_id in recorder.cases:
            answers[_name(recorder.cases[case_id].value), interaction.response.status_code] += 1
    for checks in recorder.checks.values():
        for check in checks:
            if check.failure_info is not None:
                said, asked = check.failure_info.failure.message, check.failure_info.code_sample
                told = f"{recorder.label}: {check.name}: {said[:TEXT_MAX]}\n  {asked[:TEXT_MAX]} {asked[-100:]}"
                wrong.append(told.encode("ascii", "backslashreplace").decode())


def _config(effort: Effort, base: str) -> schemathesis.Config:
    off: dict[str, Any] = {name: {"enabled": False} for name in NOT_SO_HERE}
    amount = {"max-examples": effort.examples, "deterministic": effort.seed is None}
    forgets = {"include-operation-id": list(FORGETS), "checks": {"ignored_auth": {"enabled": False}}}
    return schemathesis.Config.from_dict(
        {
            "base-url": base,
            "continue-on-failure": True,
            "request-timeout": 120,
            "cache": {"enabled": False},
            "checks": {**off, "negative_data_rejection": {"expected-statuses": NEGATIVE}},
            "operations": [forgets],
            "generation": {**amount, "mode": "all", "no-shrink": True},
            "phases": {
                "coverage": {"unexpected-methods": METHODS},
                "stateful": {"max-steps": 6, "inference": {"algorithms": []}},
            },
            **({"max-time": effort.seconds} if effort.seconds else {}),
            **({"seed": effort.seed} if effort.seed is not None else {}),
        }
    )


def _link(document: dict[str, Any]) -> None:
    """Add the links that OpenAPI has no words for: the id of an upload is the end of its URI."""
    paths = document["paths"]
    if "/v1/attachments" in paths:
        place = {"id": "{$response.body#/uri#regex:/([^/]+)$}"}
        links = {name: {"operationId": name, "parameters": place} for name in ("download", "deleteUpload")}
        paths["/v1/attachments"]["post"]["responses"]["201"]["links"] = links


def _names(path: dict[str, Any]) -> list[str]:
    return [operation["operationId"] for operation in path.values()]


def _name(case: Case) -> str:
    name: str = case.operation.definition.raw["operationId"]
    return name


# -------------------------------------------------------------------- authority


def _authority(world: World) -> type:
    """Make the provider that completes each generated request (rules 1 and 2)."""

    class Authority:
        def get(self, case: Case, context: object) -> Mapping[str, str] | None:
            return _complete(world, case)

        def set(self, case: Case, data: Mapping[str, str], context: object) -> None:
            case.headers.update(data)

    return Authority


def _learns(world: World) -> Callable[..., None]:
    """Make the hook that remembers which key deletes an upload, for who follows a link to it."""

    def after_call(context: object, case: Case, response: schemathesis.Response) -> None:
        if _name(case) == "upload" and response.status_code == 201:
            found = json.loads(response.content)
            world.keys[found["uri"].rpartition("/")[2]] = f"Bearer {world.secret(found['delete_key'])}"

    return after_call


def _complete(world: World, case: Case) -> Mapping[str, str] | None:
    """Put in what a good request needs; returns the header of its authority, None where none is asked for."""
    name, meta = _name(case), case.meta
    bad = {place for place in ParameterLocation if meta is not None and meta.is_negative_at(place)}
    if (
        meta is not None
        and meta.generation.mode.is_negative
        and not bad & {ParameterLocation.PATH, ParameterLocation.QUERY}
    ):
        bad.add(ParameterLocation.BODY)  # of a body in bytes only chance makes a good one
    chosen = zlib.crc32(repr((case.path_parameters, case.query, case.body)).encode())
    linked = next((str(value) for value in case.path_parameters.values() if str(value) in world.keys), None)
    real = Real(world.keys[linked]) if linked and name in BY_KEY else MAKERS[name](world, case.media_type or "")
    if linked:
        real = real._replace(path=None)
    if bad or chosen % 4 or name == "fetchAttachment":
        _fill(case, real, bad, chosen)
        case._record_starting_state()  # else bytes that were put in are taken for a bad body
    return None if real.authority is None else {"Authorization": real.authority}


def _fill(case: Case, real: Real, bad: set[ParameterLocation], chosen: int) -> None:
    if real.path is not None and ParameterLocation.PATH not in bad:
        case.path_parameters = dict(real.path)
    if real.query is not None and ParameterLocation.QUERY not in bad:
        case.query = dict(real.query)
    if ParameterLocation.HEADER not in bad:
        case.headers.pop("Communicator-Tokens", None)
    if real.body is not None and ParameterLocation.BODY not in bad and case.body is not NOT_SET:
        whole = real.body
        case.body = _damaged(whole, chosen) if isinstance(whole, bytes) and chosen % 4 == 3 else whole


def _damaged(data: bytes, chosen: int) -> bytes:
    """Change a bit, or cut the end off: which, depends on what was generated."""
    at = (chosen >> 4) % len(data)
    if chosen & 8:
        return data[:at]
    return data[:at] + bytes([data[at] ^ (1 << (chosen >> 28) % 8)]) + data[at + 1 :]
