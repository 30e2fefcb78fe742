"""`communicator conform service`: hold whatever answers at a URL against chapters 8 to 10."""

import json
import shlex
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from communicator_conformance import Verdict
from communicator_reports.commands.conform.pages import check_folders, check_list, write_pages
from communicator_spec.openapi import SERVICES
from communicator_spec.origin import is_origin

if TYPE_CHECKING:
    from communicator_conformance.services import Asked

__all__ = ["service"]

_SAMPLES_MAX: Final = 200
_PAGE, _BADGE = "index.html", "badge.svg"


def service(
    url: Annotated[str, typer.Argument(metavar="URL", help="The origin, such as https://post.example.")],
    kind: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Only this service: receiving, sending, directory …")
    ] = None,
    partner: Annotated[str, typer.Option(metavar="URL", help="Where a sending service is to bring things.")] = "",
    restart: Annotated[
        str, typer.Option(metavar="COMMAND", help="Ends the service and starts it again; run once, by the shell.")
    ] = "",
    account: Annotated[
        list[str] | None, typer.Option(metavar="[ISSUER=]KEY", help="Access key of an account that gets tokens.")
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option(metavar="NAME=KEY", help="A test name of a directory, and its access key.")
    ] = None,
    select: Annotated[str, typer.Option(metavar="PATTERN", help="Only tests whose id matches.")] = "*",
    program: Annotated[
        str, typer.Option("--with", metavar="COMMAND", help="The program that seals and checks.")
    ] = "reference",
    expectations: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Your list of known failures; they do not fail the run.")
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="Rewrite the list from what fails now.")] = False,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How long one answer may take.")] = 10.0,
    samples: Annotated[int, typer.Option(min=20, max=_SAMPLES_MAX, help="Answers of each kind that are timed.")] = 60,
    listen: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65_535, help="Also receive here what a sending service brings.")
    ] = 0,
    long: Annotated[bool, typer.Option("--long", help="Also tests that bring a thousand messages.")] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="What is drawn; a service remembers: leave it out.")] = None,
    only_plan: Annotated[bool, typer.Option("--plan", help="Say what the run would do, and stop.")] = False,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write JUnit XML.")] = None,
    jsonl: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write one result a line.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write a page to send to others.")] = None,
    badge: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write a badge, as SVG.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value instead of the table.")] = False,
) -> None:
    """Hold the services of an origin against the standard: what they answer, keep, forget and give away.

    The suite reads the document of the origin and tests the services that it names. It says first what it will do
    there, and takes away again what it can. What needs an account, a name or a restart is skipped without it.

    Exit code 1: a service does not conform.

    Examples:

      communicator conform service http://127.0.0.1:8420

      communicator conform service https://post.example --plan

      communicator conform service https://post.example --account KEY --restart 'systemctl restart communicator'

      communicator conform service https://names.example --kind directory --name conformance-a=KEY
    """
    from communicator_conformance.services import Asked, plan

    asked = Asked(
        url=_origin(url, "URL"), kinds=_kinds(kind or []), partner_url=_origin(partner, "--partner") if partner else "",
        restart=restart, accounts=_accounts(account or []), names=_names(name or []), select=select, timeout_s=timeout,
        samples=samples, listen=listen, long=long, seed=seed,
    )  # fmt: skip
    check_folders(junit=junit, jsonl=jsonl, html=html, badge=badge)
    check_list(expectations, update=update)
    errors = Console(stderr=True, highlight=False)
    for sentence in plan(asked):
        errors.print(sentence, markup=False, soft_wrap=True)
    if not only_plan:
        files = {"junit.xml": junit, "results.jsonl": jsonl, _PAGE: html, _BADGE: badge}
        _run(asked, shlex.split(program), expectations, files, update=update, as_json=as_json)


def _run(
    asked: "Asked",
    program: list[str],
    expectations: Path | None,
    files: dict[str, Path | None],
    *,
    update: bool,
    as_json: bool,
) -> None:
    from communicator_conformance import report
    from communicator_conformance.services import examine

    quiet = as_json and not sys.stderr.isatty()
    with TemporaryDirectory() as folder:
        console = Console(stderr=as_json, quiet=quiet)
        found = examine(
            asked, program=program, expectations=expectations, update=update, out=Path(folder), console=console
        )
        verdict = found.verdict
        _draw(verdict, asked, files.pop(_PAGE), files.pop(_BADGE))
        for name, path in files.items():
            if path is not None:
                path.write_bytes((Path(folder) / name).read_bytes())
    if found.left:
        Console(stderr=True).print(f"{found.left} things could not be taken away again: roots or uploads")
    if as_json:
        failures = [result.id for result in verdict.failures]
        print(
            json.dumps(
                report.summary(verdict) | {"failures": failures, "measured": list(found.measured), "left": found.left}
            )
        )
    elif found.measured:
        console.print(_measured(found.measured))
    if not as_json and len(verdict.results) <= 1 and not verdict.failures:
        console.print(f"nothing matches {asked.select!r} among the services of this origin", markup=False)
    raise typer.Exit(0 if verdict.ok else 1)


def _draw(verdict: Verdict, asked: "Asked", html: Path | None, badge: Path | None) -> None:
    """Write the page and the badge, if they are wanted; what repeats the run is said without its keys."""
    words = [
        "communicator",
        "conform",
        "service",
        asked.url,
        *(word for kind in asked.kinds for word in ("--kind", kind)),
    ]
    words += ["--select", asked.select] if asked.select != "*" else []
    write_pages(verdict, html, badge, shlex.join(words), {})


def _measured(rows: tuple[dict[str, object], ...]) -> Table:
    shown = Table("time until", "of an address that is", "greater than of one that is", "how often [95 % interval]")
    for row in rows:
        shown.add_row(
            str(row["what"]),
            str(row["kind"]),
            str(row["against"]),
            f"{row['area']} {row['interval']}".replace("[", r"\["),
        )
    return shown


def _origin(text: str, hint: str) -> str:
    if not is_origin(text.rstrip("/")):
        raise typer.BadParameter(
            f"{text} is not the URI of a service: https://, a host, perhaps a port, and no path; "
            "http:// on a loopback address only",
            param_hint=hint,
        )
    return text.rstrip("/")


def _kinds(kinds: list[str]) -> tuple[str, ...]:
    for one in kinds:
        if one not in SERVICES:
            raise typer.BadParameter(f"{one} is none of {', '.join(SERVICES)}", param_hint="--kind")
    return tuple(kinds)


def _accounts(texts: list[str]) -> dict[str, str]:
    """Read `KEY` or `ISSUER=KEY`; a key without an issuer is for every one."""
    found = {}
    for text in texts:
        issuer, _, key = text.rpartition("=")
        found[_origin(issuer, "--account") if issuer else ""] = key
    return found


def _names(texts: list[str]) -> dict[str, str]:
    from communicator_conformance.services import PREFIX

    found = {}
    for text in texts:
        name, _, key = text.rpartition("=")
        if not name.startswith(PREFIX) or not key:
            raise typer.BadParameter(
                f"a test name begins with {PREFIX!r}, so that nobody's entry is replaced; its key follows after '='",
                param_hint="--name",
            )
        found[name] = key
    return found
