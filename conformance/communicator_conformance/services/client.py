"""A client of one origin that judges every answer, waits where it is told to, and knows when nobody is there any more.

Theory. Every request of the standard may be repeated with the same effect (SVC-7), so a connection that ends without an
answer is tried again, as a device would. A `429` says when to ask again, and a suite that asks a lot obeys. A service
that hangs would cost its time-out in every test; so after the first time the document is asked for, and if that is not
answered either, all that follows fails at once.

Rules:

1. A call names an operation, and its answer fits the interface of that operation (`interface`) or the call raises.
2. What is remembered for people holds methods, paths as the standard writes them, sizes and statuses: no key, no date.
3. Time is the service's own: the date of its first answer, and what has passed since. No clock of this machine says
   what time it is.
4. The time-out is for a whole answer, and of one without an end no more is held than the longest may have.
"""

import time
from collections import deque
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self
from urllib.parse import quote

import httpx

from communicator_conformance.services.interface import OPERATIONS, Operation, Reply, json_of, judge, judge_frame
from communicator_conformance.services.outcomes import Failed
from communicator_conformance.verdicts import Fault
from communicator_spec.errors import STATUS, ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["Answer", "Client"]

_WELL_KNOWN: Final = PARAMETERS.service.document_path
_TRIES: Final = 5
_PAUSE_S: Final = 0.2
_LIMIT_S_MAX: Final = 10.0
_ANSWER_BYTES_MAX: Final = 1 << 26
_LINES: Final = 64
_MEDIA_JSON: Final = "application/json"


class Answer:
    """One answer that fits its interface, and what a test may ask of it."""

    def __init__(self, what: str, reply: Reply) -> None:
        self.what, self.reply = what, reply
        self.status, self.body = reply.status, reply.body

    def must(self, status: int) -> Self:
        """Fail unless the request was taken."""
        if self.status >= 400:
            raise Failed(Fault.REJECTED, f"{self.what}: {self._said()}, to be {status}")
        if self.status != status:
            raise Failed(Fault.MISMATCH, f"{self.what}: {self.status}, to be {status}")
        return self

    def refused(self, *classes: ErrorClass) -> Self:
        """Fail unless the request was refused for one of these causes."""
        wanted = " or ".join(classes)
        if self.status < 400:
            raise Failed(Fault.ACCEPTED, f"{self.what}: {self.status}, to be refused as {wanted}")
        if self.status not in {STATUS[one] for one in classes}:
            raise Failed(Fault.WRONG_CLASS, f"{self.what}: {self._said()}, not {wanted}")
        return self

    def json(self) -> dict[str, Any]:
        """Return the object of the body."""
        return json_of(self.what, self.body)

    def seen(self) -> tuple[object, ...]:
        """Return everything but the date: what somebody who asks can compare."""
        return (self.status, tuple(pair for pair in self.reply.headers if pair[0] != "date"), self.body)

    def _said(self) -> str:
        error_class = next((one for one, status in STATUS.items() if status == self.status), None)
        return f"{self.status} {error_class or ''}".strip()


class Client:
    """Asks one origin."""

    def __init__(self, origin: str, timeout_s: float) -> None:
        self.origin, self.timeout_s = origin, timeout_s
        self.lines: deque[str] = deque(maxlen=_LINES)
        self._gone = ""
        self._began: tuple[int, float] | None = None
        self._http = httpx.Client(base_url=origin, timeout=timeout_s, follow_redirects=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def renew(self) -> None:
        """Begin again with fresh connections, after a restart."""
        self._http.close()
        self._http = httpx.Client(base_url=self.origin, timeout=self.timeout_s, follow_redirects=False)
        self._gone = ""

    @property
    def now(self) -> int:
        """Seconds since 1970, as the service has it (rule 3)."""
        if self._began is None:
            raise Failed(
                Fault.GARBAGE, "no answer has had a date (RFC 9110, section 6.6.1), and times are judged by it"
            )
        date_s, then = self._began
        return date_s + int(time.monotonic() - then)

    def call(
        self,
        operation: str,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        json: bytes | None = None,
        body: bytes = b"",
        media: str = "",
        patient: bool = True,
        timeout_s: float | None = None,
    ) -> Answer:
        """Ask for one operation, as `receiving.accept`; `patient`: wait where a `429` says so, and ask again."""
        wanted: Operation = OPERATIONS[operation]
        place = wanted.path
        for name, value in (path or {}).items():
            place = place.replace(f"{{{name}}}", quote(value, safe="").replace(".", "%2E"))
        kind = _MEDIA_JSON if json is not None else media
        sent = {**({"content-type": kind} if kind else {}), **(headers or {})}
        content = body if json is None else json
        asked = f"→ {wanted.method} {wanted.path} {len(content)} bytes"
        for attempt in range(_TRIES):
            reply = self._reply(wanted.method, place, sent, content, query, timeout_s, asked)
            judge(wanted, reply)
            if not patient or reply.status != STATUS[ErrorClass.LIMIT] or attempt == _TRIES - 1:
                break
            pause_s = float(reply.header("retry-after") or 1)
            if pause_s > _LIMIT_S_MAX:  # no rate, but an allowance that is used up
                break
            time.sleep(pause_s)
        return Answer(operation, reply)

    def raw(self, method: str, place: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        """Ask for something that no interface has; only the frame of the answer is judged."""
        asked = f"→ {method} {place} {len(body)} bytes"
        reply = self._reply(method, place, headers or {}, body, None, None, asked)
        judge_frame(f"{method} {place}", reply)
        return Answer(f"{method} {place}", reply)

    def _reply(
        self,
        method: str,
        place: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, str | int] | None,
        timeout_s: float | None,
        asked: str,
    ) -> Reply:
        if self._gone:
            raise Failed(Fault.DIED, self._gone)
        failure, limit_s = "", timeout_s or self.timeout_s
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_PAUSE_S)
            try:
                found, content = self._exchange(method, place, query, headers, body, limit_s)
            except httpx.TimeoutException as error:
                self._note(asked, "no answer")
                self._look_for_life()
                raise Failed(Fault.HUNG, f"no answer within {limit_s:g} s") from error
            except httpx.TransportError as error:
                failure = f"no answer: {type(error).__name__}"
                self._note(asked, failure)
                continue
            except (httpx.InvalidURL, httpx.DecodingError) as error:
                raise Failed(Fault.GARBAGE, f"no HTTP answer: {type(error).__name__}") from error
            self._note(asked, f"{found.status_code} {len(content)} bytes")
            if found.status_code < 500:
                return self._dated(found, content)
            failure = f"answered {found.status_code}, which counts as no answer"
        self._look_for_life()
        raise Failed(Fault.DIED, f"{failure}, {_TRIES} times; {self._gone or 'its log says more'}")

    def _exchange(
        self,
        method: str,
        place: str,
        query: Mapping[str, str | int] | None,
        headers: Mapping[str, str],
        body: bytes,
        limit_s: float,
    ) -> tuple[httpx.Response, bytes]:
        """Ask once and read the whole answer, which may neither drip nor flow without end (rule 4)."""
        until_s, content = time.monotonic() + limit_s, bytearray()
        with self._http.stream(
            method, place, params=query, headers=dict(headers), content=body, timeout=limit_s
        ) as found:
            for chunk in found.iter_bytes():
                content += chunk
                if len(content) > _ANSWER_BYTES_MAX:
                    raise Failed(Fault.GARBAGE, f"an answer of more than {_ANSWER_BYTES_MAX} bytes")
                if time.monotonic() > until_s:
                    raise httpx.ReadTimeout("the answer has begun and does not end")
        return found, bytes(content)

    def _note(self, asked: str, answered: str) -> None:
        """Remember what was exchanged; the same again is one line, because how often one looks is chance."""
        pair = [asked, f"← {answered}"]
        if list(self.lines)[-2:] != pair:
            self.lines.extend(pair)

    def _dated(self, found: httpx.Response, content: bytes) -> Reply:
        if self._began is None and "date" in found.headers:
            try:
                self._began = int(parsedate_to_datetime(found.headers["date"]).timestamp()), time.monotonic()
            except ValueError as error:
                raise Failed(Fault.GARBAGE, "its date is none") from error
        pairs = tuple((name.lower(), value) for name, value in found.headers.multi_items())
        return Reply(found.status_code, pairs, content)

    def _look_for_life(self) -> None:
        """Ask for the document once; without an answer, nothing is asked any more."""
        try:
            found, _ = self._exchange("GET", _WELL_KNOWN, None, {}, b"", self.timeout_s)
            alive = found.status_code < 500
        except (httpx.HTTPError, Failed):
            alive = False
        if not alive:
            self._gone = f"nobody answers at {self.origin} any more: look at its log, start it, and run again"
