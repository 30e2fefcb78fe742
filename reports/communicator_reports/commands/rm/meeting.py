"""`communicator rm init|invite|accept|people|fingerprint`: a device, and who it knows."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from communicator_impl.client import Device, contact_of, link_of
from communicator_impl.client.records import Person, Stage
from communicator_impl.content import decode_profile
from communicator_impl.errors import InputError
from communicator_impl.suite import Suite
from communicator_reports.commands import options
from communicator_reports.commands.rm.opening import KeyFileOption, Relationship, Store, created, find, opened
from communicator_reports.commands.rm.qr import draw
from communicator_reports.commands.rm.showing import plain
from communicator_reports.commands.rm.suites import SuiteName, name_of, suites_of
from communicator_reports.commands.rm.truth import checked
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["DAYS_MAX", "STORE", "accept", "fingerprint", "init", "invite", "people", "suite"]

STORE: Final = Path.home() / ".local/share/communicator/store"
_P: Final = PARAMETERS.session
_DAY_S: Final = 86_400
DAYS_MAX: Final = (_P.package_lifetime_s_max - _P.backdate_s - _P.package_grace_s) // _DAY_S - 1
_LOCAL: Final = "http://127.0.0.1:8420"
_Services = Annotated[
    list[str] | None,
    typer.Option("--service", metavar="URI", help="A service to send and receive by; may be repeated."),
]
_Require = Annotated[bool, typer.Option("--require-hybrid", help="Refuse links of others that are classical.")]
_Number = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="The local number of the relationship; its end in a log.")
]


def init(
    service: _Services = None,
    receiving: Annotated[list[str] | None, typer.Option(metavar="URI", help="Only to receive by.")] = None,
    sending: Annotated[list[str] | None, typer.Option(metavar="URI", help="Only to send by.")] = None,
    suite: Annotated[SuiteName, typer.Option(help="Of the links that you make.")] = SuiteName.HYBRID,
    require_hybrid: _Require = False,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Make a store for this device. With two services or more nothing is lost when one of them dies.

    If no service is named, the one that runs on this machine is used (communicator serve all).

    Examples:

      communicator rm init

      communicator rm init --service https://post.example --service https://mail.example

      communicator rm init --require-hybrid
    """
    both = service or ([] if receiving or sending else [_LOCAL])
    device = created(store, key_file)
    try:
        device.choose_suites(suites_of(suite, required=require_hybrid))
        device.use([*both, *(receiving or ())], [*reversed(both), *(sending or ())])
    except BaseException:
        device.close()
        store.unlink()
        raise
    found = _setting(device)
    device.close()
    if as_json:
        print(json.dumps({"store": str(store), **found}))
        return
    print(f"store: {store}\nreceives by: {', '.join(found['receiving'])}\nsends by: {', '.join(found['sending'])}")


def suite(
    wanted: Annotated[SuiteName | None, typer.Argument(metavar="SUITE", help="hybrid or classical.")] = None,
    require_hybrid: _Require = False,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Show or choose the suite of the links that you make; hybrid is for what quantum computers could read one day.

    Who you know already keeps the suite in which it began (communicator rm people); for another, make a new link.

    Examples:

      communicator rm suite

      communicator rm suite hybrid --require-hybrid
    """
    with opened(store, key_file) as device:
        if wanted is not None:
            device.choose_suites(suites_of(wanted, required=require_hybrid))
        own, required = name_of(device.suites.own), device.suites.least is Suite.HYBRID
    if as_json:
        print(json.dumps({"suite": own, "require_hybrid": required}))
    else:
        print(f"your links are {own}; {'classical links are refused' if required else 'links of both kinds are taken'}")


def invite(
    name: Annotated[str, typer.Argument(help="What you call the person; left out: what the person says.")] = "",
    qr: Annotated[bool, typer.Option("--qr", help="Draw the link as a QR code, too.")] = False,
    days: Annotated[
        int, typer.Option(min=1, max=DAYS_MAX, metavar="N", help="For how many days the link is good.")
    ] = 1,
    own_name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Make it with the identity of your name at a directory.")
    ] = None,
    directory: Annotated[str, typer.Option(metavar="URI", help="The directory, if several have that name.")] = "",
    number: _Number = None,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Make a link for one person. Send it over a way that you trust: whoever uses it first is that person.

    A link made --as a name can be checked by whoever gets it (accept --of): nobody can put another in its place.

    Examples:

      communicator rm invite Ben --qr

      communicator rm invite Ben --days 7

      communicator rm invite Ben --as ann@school
    """
    with opened(store, key_file) as device:
        identity = None if own_name is None else device.names.identity(own_name, directory.rstrip("/"))
        relationship, contact = device.invite(name, number, days * _DAY_S, identity)
        device.turn()
    link = link_of(contact)
    if as_json:
        print(json.dumps({"relationship": relationship, "link": link}))
        return
    print(link)
    if qr:
        draw(link)


def accept(
    link: Annotated[str, typer.Argument(help="The link that somebody made for you.")],
    name: Annotated[str, typer.Option(help="What you call the person; left out: what the person says.")] = "",
    of: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose link it has to be, by the name at a directory.")
    ] = None,
    directory: Annotated[str, typer.Option(metavar="URI", help="The directory that attests the name.")] = "",
    via: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Another way to the directory, to compare; may be repeated.")
    ] = None,
    trusts: Annotated[
        bool, typer.Option("--trust-new-identity", help="It was replaced unsigned, and you know that it is right.")
    ] = False,
    number: _Number = None,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Begin a relationship with a link. You may write at once.

    With --of and --directory the link is taken only if it is one of whoever has that name there, as its log says; it
    was made with --as. Exit code 1: it is not, or the directory does not show everybody the same.

    Examples:

      communicator rm accept 'communicator:contact/…' --name Ann

      communicator rm accept 'communicator:contact/…' --of ann@school --directory https://names.example
    """
    if (of is None) != (not directory):
        raise InputError(ErrorClass.REFUSED, "--of names somebody at a directory, and --directory says which")
    with opened(store, key_file) as device, checked(as_json):
        if of is None:
            relationship = device.approach(name, contact_of(link), number)
        else:
            uri, contact, ways = directory.rstrip("/"), contact_of(link), via or ()
            found = device.finder.attest(uri, of, name or of, contact, relationship=number, ways=ways, trusts=trusts)
            relationship, name = found.relationship, name or of
        device.turn()
        chosen = device.core.suite(relationship)
    called = name or "the person"
    print(json.dumps({"relationship": relationship}) if as_json else f"{called} is relationship {relationship}")
    if chosen is Suite.CLASSICAL and not as_json:
        print("It is classical: whoever records it can read it once there are quantum computers.")


def people(store: Store = STORE, key_file: KeyFileOption = None, as_json: options.Json = False) -> None:
    """List who you know, with what is unread.

    Example:

      communicator rm people
    """
    with opened(store, key_file) as device:
        rows = [
            {
                "relationship": number,
                "name": plain(device.history.called(number)),
                **_profile(person.peer_profile),
                "stage": person.stage.value,
                "no_reply_s": max(0, device.clock() // 1000 - person.began_s) if _waits(person) else None,
                "unread": device.history.unread(number),
                "verified": person.verified,
                "attested": person.attested or None,
                "synchronised": device.core.is_synchronised(number),
                "receipts": device.core.tells_read(number),
                "suite": name_of(device.core.suite(number)),  # EXT-12
            }
            for number, person in device.history.people().items()
        ]
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        marks = [_stage(row)] + (["verified"] if row["verified"] else []) + _news(row["unread"])
        marks += [f"{row['attested']}"] if row["attested"] else []
        marks += [str(row["suite"])] if row["suite"] else []
        print(f"{row['relationship']:>3}  {row['name']}{_itself(row)}  ({', '.join(marks)})")
    if not rows:
        print("nobody yet: communicator rm invite NAME")


def fingerprint(
    name: Relationship,
    same: Annotated[bool, typer.Option("--same", help="The person reads the same numbers to you.")] = False,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Show the numbers that both of you see if nobody stands in between; compare them in person or by voice.

    Example:

      communicator rm fingerprint Ben --same
    """
    with opened(store, key_file) as device:
        relationship = find(device, name)
        device.turn()
        groups = device.fingerprint(relationship)
        if same and groups is not None:
            device.history.verified(relationship)
        person, called = device.history.person(relationship), plain(device.history.called(relationship))
    if as_json:
        print(json.dumps({"fingerprint": groups, "verified": person.verified}))
    elif groups is None or person.stage is Stage.INVITED:
        print(f"{called} has not answered yet")
    else:
        print("\n".join(" ".join(groups[i : i + 4]) for i in range(0, len(groups), 4)))


def _waits(person: Person) -> bool:
    return person.stage is Stage.ANSWERED


def _stage(row: dict[str, object]) -> str:
    """Return how far a relationship is; who gets no reply hears of the one reason that nobody can tell him."""
    waits_s, stage = row["no_reply_s"], str(row["stage"])
    if not isinstance(waits_s, int):
        return stage
    days = waits_s // _DAY_S
    if not days:
        return f"{stage}: no reply yet"
    return f"{stage}: no reply for {days} {'day' if days == 1 else 'days'}; somebody else may have used the link first"


def _profile(told: bytes) -> dict[str, object]:
    """Return what a person says of itself."""
    said = decode_profile(told) if told else None
    return {
        "calls_itself": plain(said.name) if said else None,
        "pronouns": plain(said.pronouns) if said and said.pronouns else None,
        "picture": bool(said and said.picture),
    }


def _itself(row: dict[str, object]) -> str:
    """Return what a person says of itself where that is not what it is called here anyway (CONT-7)."""
    told = [str(row["calls_itself"])] if row["calls_itself"] not in (None, row["name"]) else []
    told += [str(row["pronouns"])] if row["pronouns"] else []
    told += ["with a picture"] if row["picture"] else []
    return f", {', '.join(told)}" if told else ""


def _news(unread: object) -> list[str]:
    return [f"{unread} unread"] if unread else []


def _setting(device: Device) -> dict[str, list[str]]:
    setting = device.book.setting
    return {
        "receiving": [*map(device.book.uri, setting.receiving)],
        "sending": [*map(device.book.uri, setting.sending)],
    }
