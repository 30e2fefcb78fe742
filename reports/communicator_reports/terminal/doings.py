"""What a person does with people and services: what has to hold, the question, the work, and what came of it.

Theory. Each is a function of the screen that asks in a dialog and gives the worker something to do; what hinders it
comes back as a note in the words of the client.
"""

from functools import partial
from typing import TYPE_CHECKING, Final

from communicator_impl.client import Device, contact_of, link_of
from communicator_impl.errors import CommunicatorError
from communicator_reports.terminal import help
from communicator_reports.terminal.dialogs import Answer, Ask, Field, Link, Tell
from communicator_reports.terminal.pages import host
from communicator_reports.terminal.typesetting import Block, Span, block, line, wrapped

if TYPE_CHECKING:
    from communicator_reports.terminal.app import Terminal

__all__ = ["accept", "end", "fingerprint", "invite", "link", "move", "receipts", "show_help"]

_INVITE: Final = "What do you call the person? The name stays on this device."
_ACCEPT: Final = "You got a link over a way that you trust. You may write at once."
_COMPARE: Final = "Both of you see these numbers if nobody stands in between. Compare them in person or by voice."
_MOVE: Final = "Everybody learns of it by itself, with the next message or within days. Nothing is lost meanwhile."
_WORD: Final = "end"  # more than a key, because there is no way back
_END: Final = "Its addresses are revoked and its keys erased. What was written stays with you."


def invite(screen: "Terminal") -> None:
    """Make a link for one person, and show it."""

    def asked(answer: Answer | None) -> None:
        if answer is None:
            return
        (name,) = answer.typed

        def made(found: tuple[int, bytes]) -> None:
            number, contact = found
            screen.open(number)
            _show_link(screen, name, link_of(contact))

        screen.note("making a link", "dim")
        screen.worker.do(lambda device: device.invite(name), made)

    screen.push_screen(Ask("invite somebody", _INVITE, [Field("name", "Ben")]), asked)


def link(screen: "Terminal") -> None:
    """Show the link of an invitation that nobody has used yet."""
    someone = screen.someone
    if someone is None or not someone.link:
        screen.note("a link is shown as long as nobody has used it; i invites somebody")
        return
    _show_link(screen, someone.name, someone.link)


def _show_link(screen: "Terminal", name: str, text: str) -> None:
    screen.note("")
    screen.push_screen(Link(name, text))


def accept(screen: "Terminal") -> None:
    """Begin a relationship with a link."""

    def asked(answer: Answer | None) -> None:
        if answer is None:
            return
        text, name = answer.typed
        try:
            contact = contact_of(text)
        except CommunicatorError as error:
            screen.note(error.detail or str(error), "bad")
            return
        screen.worker.do(lambda device: device.approach(name, contact), screen.open)

    fields = [Field("link", "communicator:contact/…"), Field("what you call the person", "Ann")]
    screen.push_screen(Ask("accept a link", _ACCEPT, fields), asked)


def fingerprint(screen: "Terminal") -> None:
    """Show what two people compare."""
    someone = screen.someone
    if someone is None:
        return
    number, name = someone.number, someone.name

    def found(groups: tuple[str, ...] | None) -> None:
        if groups is None or someone.state == "invited":
            screen.note(f"{name} has not answered yet")
            return
        page = partial(_compare, groups, someone.verified)
        screen.push_screen(Tell(f"fingerprint with {name}", page, key="y", does="they are the same"), compared)

    def compared(is_same: bool | None) -> None:
        if is_same:
            screen.worker.do(lambda device: device.history.verified(number))

    screen.worker.do(lambda device: _groups(device, number), found)


def _groups(device: Device, number: int) -> tuple[str, ...] | None:
    return device.fingerprint(number) if number in device.core.relationships() else None


def _compare(groups: tuple[str, ...], is_known: bool, width: int) -> list[Block]:
    rows = ["  ".join(groups[i : i + 4]) for i in range(0, len(groups), 4)]
    words = wrapped(_COMPARE, width) + (("", "You have compared them already.") if is_known else ())
    numbers = [line(Span(row.center(width), "strong")) for row in rows]
    return [block(*numbers, line("")), block(*(line(Span(part)) for part in words))]


def move(screen: "Terminal") -> None:
    """Receive at another service from now on."""
    in_use = [one.uri for one in screen.desk.services if one.receives]
    if not in_use:
        return

    def asked(answer: Answer | None) -> None:
        if answer is None:
            return
        old, (new,) = in_use[answer.choice], answer.typed
        leaves = not answer.is_ticked

        def moved(_: None) -> None:
            screen.note(f"{host(new)} takes the place of {host(old)}", "good")

        screen.note(f"asking {host(new)}", "dim")
        screen.worker.do(lambda device: device.replace_receiving(old, new, leave=leaves), moved)

    fields = [Field("the service that takes its place", "https://post.example")]
    question = Ask("receive at another service", _MOVE, fields, choices=in_use, tick="the old one is gone for good")
    screen.push_screen(question, asked)


def receipts(screen: "Terminal") -> None:
    """Let the person know what was read from now on, or not any more."""
    someone = screen.someone
    if someone is None or someone.is_over:
        return
    number, on = someone.number, not someone.tells_read
    words = f"{someone.name} is {'told' if on else 'not told any more'} what you have read"
    screen.worker.do(lambda device: device.tell_read(number, on=on), lambda _: screen.note(words, "dim"))


def end(screen: "Terminal") -> None:
    """End a relationship."""
    someone = screen.someone
    if someone is None or someone.is_over:
        return
    number, name = someone.number, someone.name

    def asked(answer: Answer | None) -> None:
        if answer is not None and answer.typed != (_WORD,):
            screen.note(f"nothing has ended: {_WORD} was not typed")
        elif answer is not None:
            tell = answer.is_ticked
            done = f"the relationship with {name} has ended"
            screen.worker.do(lambda device: device.end(number, tell=tell), lambda _: screen.note(done, "dim"))

    fields = [Field(f"type {_WORD}")]
    screen.push_screen(Ask(f"end the relationship with {name}?", _END, fields, tick="let the person know"), asked)


def show_help(screen: "Terminal") -> None:
    """Say what the keys and marks are."""
    screen.push_screen(Tell("help", help.page))
