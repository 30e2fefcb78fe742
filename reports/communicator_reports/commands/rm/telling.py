"""`communicator rm profile|receipts|name`: what each of two people is called, and what one tells of oneself."""

import json
from pathlib import Path
from typing import Annotated

import typer

from communicator_impl.content import Content, Profile, encode_profile
from communicator_impl.errors import InputError
from communicator_reports.commands import options
from communicator_reports.commands.rm.meeting import STORE
from communicator_reports.commands.rm.opening import KeyFileOption, Relationship, Store, find, media_type, opened
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["name", "profile", "receipts"]

_PROFILE = PARAMETERS.content.profile_type
_SWITCH = {"on": True, "off": False}


def profile(
    name: Relationship,
    called: Annotated[str, typer.Option(metavar="NAME", help="What you are called in this relationship.")],
    pronouns: Annotated[str | None, typer.Option(help="How people speak of you.")] = None,
    picture: Annotated[Path | None, typer.Option(metavar="FILE", help="A picture of you.")] = None,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Say what you are called. It is for this person alone, and can be something else for everybody else.

    A profile replaces the one before it, picture and pronouns included.

    Examples:

      communicator rm profile Ben --called 'Ann Example' --pronouns she/her

      communicator rm profile Ben --called Ann --picture ann.jpg
    """
    with opened(store, key_file) as device:
        relationship, told = find(device, name), Profile(called, pronouns)
        if picture is None:
            number: int | None = device.tell_profile(relationship, told)
            device.turn()
        else:
            kind = media_type(picture)
            if not kind.startswith("image/"):
                raise InputError(ErrorClass.REFUSED, f"{picture} is no picture but {kind}")
            draft = device.attach(relationship, Content(_PROFILE, encode_profile(told)), [(picture, kind)])
            device.turn()
            number = device.sent_with_files.get(draft)
    if as_json:
        print(json.dumps({"number": number}))
    else:
        print(f"waits until the picture is stored: {called}" if number is None else f"{number}: {called}")


def receipts(
    name: Relationship,
    switch: Annotated[str | None, typer.Argument(metavar="[on|off]", help="Whether the person is told.")] = None,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Let a person know what you have read, from now on, or not; nobody is told unless you say so here.

    Examples:

      communicator rm receipts Ben on

      communicator rm receipts Ben
    """
    if switch is not None and switch not in _SWITCH:
        raise InputError(ErrorClass.MALFORMED, f"say on or off, not {switch}")
    with opened(store, key_file) as device:
        relationship = find(device, name)
        if switch is not None:
            device.tell_read(relationship, on=_SWITCH[switch])
        is_on, called = device.core.tells_read(relationship), device.history.called(relationship)
    if as_json:
        print(json.dumps({"receipts": is_on}))
    else:
        print(f"{called} {'learns' if is_on else 'does not learn'} what you have read")


def name(
    old: Relationship,
    new: Annotated[str, typer.Argument(metavar="NEW", help="What you call the person; '' for what the person says.")],
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Call a person otherwise; nobody else learns of it.

    Example:

      communicator rm name Ben 'Ben from the choir'
    """
    with opened(store, key_file) as device:
        relationship = find(device, old)
        device.history.rename(relationship, new)
        called = device.history.called(relationship)
    print(json.dumps({"relationship": relationship, "name": called}) if as_json else called)
