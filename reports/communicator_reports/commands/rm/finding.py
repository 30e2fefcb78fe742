"""`communicator rm find|account|requests|accept-request|refuse`: strangers, on both sides of a directory."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from communicator_impl.client.strangers import Waiting
from communicator_impl.directory import Head
from communicator_impl.directory_reader import Succession
from communicator_reports.commands import options
from communicator_reports.commands.rm.meeting import STORE
from communicator_reports.commands.rm.naming import Directory, key_of
from communicator_reports.commands.rm.opening import KeyFileOption, Store, opened
from communicator_reports.commands.rm.truth import checked
from communicator_spec.parameters import PARAMETERS

__all__ = ["accept_request", "account", "find", "refuse", "requests"]

_TEXT = PARAMETERS.content.text_type
_Number = Annotated[int, typer.Argument(min=0, metavar="NUMBER", help="The number that `requests` shows.")]
_SAME_OPERATOR = "who issues your tokens also runs the directory: he can tell how many of you ask there"


def find(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name at the directory.")],
    directory: Directory,
    called: Annotated[str | None, typer.Option("--name", help="What you call the person; else the name.")] = None,
    say: Annotated[str, typer.Option(metavar="TEXT", help="What the person reads before deciding on you.")] = "",
    via: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Another way to the directory, to compare; may be repeated.")
    ] = None,
    head: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="A head that a friend saw; may be repeated.")
    ] = None,
    trusts: Annotated[
        bool, typer.Option("--trust-new-identity", help="It was replaced unsigned, and you know that it is right.")
    ] = False,
    number: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="The local number of the relationship; its end in a log.")
    ] = None,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Begin a relationship with somebody who is registered at a directory. The person decides whether to answer.

    The same command goes on where it stopped: no token and no contact is lost. Exit code 1: the directory does not show
    everybody the same.

    Example:

      communicator rm find ann@school --directory https://names.example --name Ann --say 'We met on Monday.'
    """
    with opened(store, key_file) as device, checked(as_json):
        heads = [Head.decode(path.read_bytes()) for path in head or ()]
        found = device.finder.find(
            directory.rstrip("/"), name, called or name, say,
            relationship=number, ways=via or (), heads=heads, trusts=trusts,
        )  # fmt: skip
        device.turn()
    if as_json:
        row = {"relationship": found.relationship, "identity": found.succession.value}
        print(json.dumps(row | {"one_operator": found.is_seen_by_one}))
        return
    print(f"{called or name} is relationship {found.relationship}, and waits to hear of you")
    if found.succession is Succession.SIGNED:
        print("the identity was replaced since you looked last; the one before signed that")
    if found.is_seen_by_one:  # TOK-19
        typer.echo(f"communicator: {_SAME_OPERATOR}", err=True)


def account(
    issuer: Annotated[str | None, typer.Argument(metavar="URI", help="The authorization service.")] = None,
    key: Annotated[
        str | None, typer.Option(envvar="COMMUNICATOR_ACCOUNT_KEY", help="The access key of your account.")
    ] = None,
    via: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Another way to the issuer's keys; may be repeated.")
    ] = None,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Use an account at an authorization service, or list the tokens that are left.

    Tokens are fetched in batches, at times that say nothing about when you use them.

    Examples:

      communicator rm account https://tokens.example --key owAB…

      communicator rm account
    """
    allowed: dict[str, int] = {}
    with opened(store, key_file) as device, checked(as_json):
        if issuer is not None:
            if key is None:
                key = typer.prompt("Access key of the account", hide_input=True, err=True)
            ways = tuple(way.rstrip("/") for way in via or ())
            allowed = device.purses.open_account(issuer.rstrip("/"), key_of(key), ways)
        left, issuers = device.purses.left(), sorted(device.purses.accounts())
    if as_json:
        print(json.dumps({"issuers": issuers, "left": left, "allowed": allowed}))
        return
    for uri in issuers:
        print(f"account at {uri}")
    for purpose, tokens in sorted(allowed.items()):
        print(f"  may ask for {tokens} tokens: {purpose}")
    for purse, tokens in sorted(left.items()):
        print(f"  {tokens} left: {purse}")
    if not issuers:
        print("no account yet: communicator rm account URI --key KEY")


def requests(store: Store = STORE, key_file: KeyFileOption = None, as_json: options.Json = False) -> None:
    """List strangers who found you and wait. They learn nothing until you let them in.

    Example:

      communicator rm requests
    """
    with opened(store, key_file) as device:
        device.turn()
        waiting = device.strangers.waiting()
    if as_json:
        print(json.dumps([_row(one) for one in waiting]))
        return
    for one in waiting:
        at = datetime.fromtimestamp(one.came_s).strftime("%Y-%m-%d %H:%M")
        print(f"{one.relationship:>3}  {at}  to {one.name}: {_text(one) or '(nothing written)'}")
    if not waiting:
        print("nobody waits")


def accept_request(
    number: _Number,
    name: Annotated[str, typer.Option(help="What you call the person.")],
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Let a stranger in: a relationship like any other, in which the first message is the one you saw.

    Example:

      communicator rm accept-request 7 --name Ben
    """
    with opened(store, key_file) as device:
        device.strangers.agree(number, name)
        device.turn()
    print(json.dumps({"relationship": number}) if as_json else f"{name} is relationship {number}")


def refuse(
    number: _Number, store: Store = STORE, key_file: KeyFileOption = None, as_json: options.Json = False
) -> None:
    """Send a stranger away. He hears nothing, and cannot write again by this contact.

    Example:

      communicator rm refuse 7
    """
    with opened(store, key_file) as device:
        device.strangers.decline(number)
        device.turn()
    print(json.dumps({"refused": number}) if as_json else "refused; nobody was told")


def _row(one: Waiting) -> dict[str, object]:
    files = [file.name for offer in one.visitor.offers for file in offer.files]
    who = one.visitor.identity.sign.hex()
    return {"number": one.relationship, "directory": one.uri, "name": one.name, "came_s": one.came_s,
            "identity": who, "text": _text(one), "files": files}  # fmt: skip


def _text(one: Waiting) -> str:
    """Return what a stranger wrote, as one line; what cannot be shown is named."""
    found = [
        offer.data.decode() if offer.type == _TEXT else f"({offer.type or 'unreadable'})"
        for offer in one.visitor.offers
    ]
    return " ".join("".join(c if c.isprintable() else " " for c in text) for text in found)
