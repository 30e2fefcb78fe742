"""The page of the explorer, and what it asks for: JSON about one run, for this machine alone.

Rules:

1. Only requests to a name of this machine are answered, so that no page of the web can read a log through a browser.
2. With eyes switched on, nothing leaves here that the observer did not see: rows are filtered before columns are.
"""

import json
import re
from collections import Counter
from importlib.resources import files
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from vl_convert import javascript_bundle

from communicator_reports.explorer.eyes import Eyes, seen
from communicator_reports.explorer.following import candidates, story
from communicator_reports.explorer.logs import LoadedRun
from communicator_reports.figures.sequence import sequence
from communicator_reports.figures.theme import config
from communicator_spec.events import NONE, VOCABULARY, Command, Event, Kind
from communicator_spec.views import Role

__all__ = ["application"]

_PAGE_ROWS: Final = 200
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'; connect-src 'self';"
    " img-src data:"
)
_COLUMNS: Final = ("end", "message", "service", "via")


def application(run: LoadedRun) -> Starlette:
    """Return the explorer of a run."""
    text = _page()

    async def page(_: Request) -> Response:
        return HTMLResponse(text, headers={"content-security-policy": _POLICY})

    async def about(_: Request) -> Response:
        return JSONResponse(_about(run))

    async def events(request: Request) -> Response:
        try:
            return JSONResponse(_events(run, request))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)

    async def told(request: Request) -> Response:
        try:
            eyes, end, message = _eyes(request), int(request.query_params["end"]), int(request.query_params["message"])
        except (KeyError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        whole = [(n, run.rows[n]) for n in story(run.rows, end, message)]
        shown = [(n, row) for n, known in whole if (row := _through(run, known, eyes)) is not None]
        chart = sequence([row for _, row in shown]).spec if shown else None
        return JSONResponse({"rows": [_plain(n, row) for n, row in shown], "chart": chart})

    routes = [Route("/", page), Route("/run", about), Route("/events", events), Route("/story", told)]
    return Starlette(
        routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])]
    )


def _page() -> str:
    folder = files("communicator_reports.explorer") / "page"
    parts = {name: (folder / f"explorer.{name}").read_text("utf-8") for name in ("html", "css", "js")}
    library = javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("</script", r"<\/script")
    look = json.dumps(config("currentColor", legend=False))
    slots = {"STYLE": parts["css"], "LIBRARY": library, "CONFIG": look, "SCRIPT": parts["js"]}
    return re.sub(r"@(STYLE|LIBRARY|CONFIG|SCRIPT)@", lambda found: slots[found[1]], parts["html"])


def _about(run: LoadedRun) -> dict[str, object]:
    counts = Counter(row.kind for row in run.rows)
    return {
        "name": run.name,
        "events": len(run.rows),
        "kinds": [{"kind": k.name, "count": counts[k], "meaning": VOCABULARY[k]} for k in Kind if counts[k]],
        "people": sorted(set(run.owners.values())),
        "receiving": sorted({row.service for row in run.rows if row.kind in (Kind.STORED, Kind.ISSUED)} - {NONE}),
        "sending": sorted({row.via for row in run.rows} - {NONE}),
        "services": run.services,
        "candidates": [
            {"end": end, "message": message, "sent": sent, "ms": ms} for end, message, sent, ms in candidates(run.rows)
        ],
    }


def _eyes(request: Request) -> Eyes | None:
    """Return the observer that a request names, as `role` or `role:number`; None: everything is shown."""
    name, _, number = request.query_params.get("eyes", "").partition(":")
    if not name:
        return None
    if name not in [role.value for role in Role]:
        raise ValueError(f"no observer {name!r}; there are: {', '.join(Role)}")
    return Eyes(Role(name), int(number) if number else NONE)


def _events(run: LoadedRun, request: Request) -> dict[str, object]:
    asked, eyes = request.query_params, _eyes(request)
    kinds = {Kind[name].value for name in asked.get("kinds", "").split(",") if name in Kind.__members__}
    columns = {name: int(asked[name]) for name in _COLUMNS if asked.get(name)}
    first, last = (float(asked[name]) if asked.get(name) else None for name in ("from_h", "to_h"))
    offset = int(asked.get("offset") or 0)
    total, rows = 0, []
    for number, row in enumerate(run.rows):
        if kinds and row.kind not in kinds:
            continue
        if (first is not None and row.t_ms < 3.6e6 * first) or (last is not None and row.t_ms > 3.6e6 * last):
            continue
        shown = _through(run, row, eyes)
        if shown is None or any(getattr(shown, name) != value for name, value in columns.items()):
            continue
        if offset <= total < offset + _PAGE_ROWS:
            rows.append(_plain(number, shown))
        total += 1
    return {"total": total, "offset": offset, "rows": rows}


def _through(run: LoadedRun, row: Event, eyes: Eyes | None) -> Event | None:
    return row if eyes is None else seen(eyes, row, run.owners)


def _plain(number: int, row: Event) -> dict[str, object]:
    found: dict[str, object] = {"number": number, "t_ms": row.t_ms, "kind": Kind(row.kind).name}
    found |= {name: value for name, value in row._asdict().items() if value != NONE and name not in ("t_ms", "kind")}
    if row.kind in (Kind.SENT, Kind.RECEIVED) and row.value != NONE:
        found["value"] = Command(row.value).name
    return found
