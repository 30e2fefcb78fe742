"""The screen: panes, keys, and the way through them; what a person does with people is in `doings`.

Theory. Wide terminals show people, conversation and details side by side, narrower ones two of them, and those below 80
columns one: the pane that has the focus. So there is one way through the panes for all of them: Enter goes in, Escape
goes out. ::

    people ──Enter──▶ writing ──Escape──▶ conversation ──Enter──▶ details
       ◀──────────────────────Escape──────────┘  ◀──────Escape──────┘

Rules:

1. Nothing here waits: not for the store, and not for a service.
2. What came is read when its conversation has the focus, in a terminal that has it, and not before.
3. A text stays in its writing line until it is on its way into the store; one that is refused comes back.
4. A key of the desk takes effect before the next one is looked at, so that letters of a message that is typed fast do
   not become commands; and what cannot be undone asks for a word, not for a key (`doings.end`).
"""

import os
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Final

import msgspec
from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.driver import Driver

from communicator_impl.client import Device
from communicator_impl.client.watching import Watch
from communicator_reports.terminal import doings, pages, themes
from communicator_reports.terminal.blocks import Blocks
from communicator_reports.terminal.characters import on_one_line, seen
from communicator_reports.terminal.desk import Desk, Opened, Said, Someone, Standing
from communicator_reports.terminal.typesetting import Block, Span, block, cut, length, line, pair
from communicator_reports.terminal.working import Watching, Worker
from communicator_reports.terminal.writing import Writing

__all__ = ["Terminal", "run"]

_TWO_PANES: Final = 80
_THREE_PANES: Final = 120
_WIDE: Final = 150
_FOCUS: Final = {"people": "people", "talk": "conversation", "details": "details"}

_DESK: Final = {
    "enter": "enter",
    "escape": "out",
    "q": "leave_desk",
    "i": "invite",
    "a": "accept",
    "l": "link",
    "f": "fingerprint",
    "m": "move",
    "r": "receipts",
    "e": "end",
    "d": "details",
    "w": "write",
    "t": "light",
    "question_mark": "help",
}
"""Keys of the desk, where nothing is typed (rule 4)."""

Key = tuple[str, str, str]
_KEYS: Final[dict[str, tuple[Key, ...]]] = {
    "people": (("enter", "write", "write"), ("i", "invite", "invite"), ("a", "accept", "accept")),
    "conversation": (("w", "write", "write"), ("d", "path", "details"), ("f", "fingerprint", "fingerprint")),
    "details": (("esc", "back", "out"), ("m", "move", "move")),
    "writing": (("enter", "send", "send"), ("esc", "out", "out"), ("ctrl+j", "new line", "new_line")),
}
_ALWAYS: Final[tuple[Key, ...]] = (("?", "help", "help"), ("q", "leave", "leave"))
_WHILE_WRITING: Final[tuple[Key, ...]] = (("f1", "help", "show_help"), ("ctrl+c", "leave", "leave"))
_MORE: Final[tuple[Key, ...]] = (
    ("d", "details", "details"),
    ("e", "end", "end"),
    ("f", "fingerprint", "fingerprint"),
    ("m", "move", "move"),
    ("t", "light/dark", "light"),
)


class Lines(Blocks, can_focus=False):
    """Lines that are only looked at."""


class Terminal(App[None]):
    """One store, on the screen."""

    CSS_PATH = "screen.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,ctrl+q", "leave", priority=True, show=False),
        Binding("f1", "show_help", show=False),
        *(Binding(key, action, priority=True, show=False) for key, action in _DESK.items()),
    ]

    def __init__(
        self,
        device: Device,
        name: str,
        *,
        is_light: bool | None = None,
        watching: Callable[[Device], Watching] = Watch,
        driver: type[Driver] | None = None,
    ) -> None:
        super().__init__(driver_class=driver, ansi_color=True if "NO_COLOR" in os.environ else None)
        self.worker = Worker(device, self.call_later, self._show, self.note, self.exit, watching)
        self._is_light = themes.is_light() if is_light is None else is_light
        self._clock = device.clock
        self.store = on_one_line(name)
        self.desk = Desk()
        self.number: int | None = None
        self._looked_into: dict[int, Opened] = {}
        self._writing: dict[int, list[Said]] = {}  # on its way into the store
        self._drafts: dict[int, str] = {}
        self._unread: int | None = None  # where what is new begins
        self._width = 0
        self._pane, self._has_details = "people", False
        self._note: tuple[str, str, str] | None = None
        self._is_warned = self._is_leaving = False
        self._silent: tuple[str, ...] = ()

    # ---------------------------------------------------------------- layout

    def compose(self) -> ComposeResult:
        """Lay out all panes; `_arrange` shows those that fit."""
        yield Lines(self._top_page, id="top")
        with Horizontal(id="desk"):
            with Vertical(id="people-pane"):
                yield Blocks(self._people_page, id="people")
            with Vertical(id="talk"):
                yield Lines(self._heading_page, id="heading")
                yield Blocks(self._talk_page, id="conversation", follows=True)
                yield Writing()
            with Vertical(id="details-pane"):
                yield Blocks(self._details_page, id="details")
        yield Lines(self._note_page, id="note")
        yield Lines(self._keys_page, id="keys")

    def on_mount(self) -> None:
        """Begin."""
        for theme in (themes.DARK, themes.LIGHT):
            self.register_theme(theme)
        self.theme = (themes.LIGHT if self._is_light else themes.DARK).name
        self._arrange()
        self.line_to_write.display = False
        self.screen.set_focus(self.blocks("people"))
        self.worker.start()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Give the names that only the two own themes know a value."""
        return {**super().get_theme_variable_defaults(), **themes.DARK.variables}

    def blocks(self, name: str) -> Blocks:
        """Return a page."""
        return self.screen_stack[0].query_one(f"#{name}", Blocks)

    @property
    def line_to_write(self) -> Writing:
        """Where one writes."""
        return self.screen_stack[0].query_one(Writing)

    def on_resize(self, event: events.Resize) -> None:
        """Show as many panes as there is room for."""
        self._width = event.size.width
        self._arrange()

    def _arrange(self) -> None:
        width = self._width or self.size.width
        shown = {"people", "talk", "details"}
        if width < _TWO_PANES:
            shown = {self._pane}
        elif width < _THREE_PANES:
            shown = {"talk", "details"} if self._has_details else {"people", "talk"}
        base = self.screen_stack[0]
        base.set_class(width < _TWO_PANES, "single")
        base.set_class(width >= _WIDE, "wide")
        for pane, name in (("people", "people-pane"), ("talk", "talk"), ("details", "details-pane")):
            base.query_one(f"#{name}").display = pane in shown
        base.query_one("#talk").set_class("people" not in shown, "first")
        self._paint("keys")

    def go(self, pane: str, *, writing: bool = False) -> None:
        """Give a pane the focus, and show it where it was hidden."""
        self._pane, self._has_details = pane, pane == "details"
        self._arrange()
        self.screen_stack[0].set_focus(self.line_to_write if writing else self.blocks(_FOCUS[pane]))  # rule 4: now

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Follow the focus, wherever the mouse or Tab has put it."""
        found = {"people": "people", "conversation": "talk", "writing": "talk", "details": "details"}
        self._pane = found.get(event.widget.id or "", self._pane)
        self._paint("keys")
        self._read()

    # ---------------------------------------------------------------- pages

    def _paint(self, *names: str) -> None:
        for name in names:
            self.blocks(name).show()

    @property
    def someone(self) -> Someone | None:
        """The person whose relationship is open."""
        return self.desk.someone(self.number)

    @property
    def opened(self) -> Opened | None:
        """What is known of the relationship that is open, with what is on its way into the store."""
        found = self._looked_into.get(-1 if self.number is None else self.number)
        writing = self._writing.get(-1 if self.number is None else self.number)
        if found is None or not writing:
            return found
        return msgspec.structs.replace(found, messages=(*found.messages, *writing))

    def _top_page(self, width: int) -> list[Block]:
        right = pages.summary(self.desk, max(10, width // 2))
        return [block(pair(Span(f"Communicator  {self.store}", "strong"), right, width))]

    def _people_page(self, width: int) -> list[Block]:
        return pages.people(self.desk, width)

    def _heading_page(self, width: int) -> list[Block]:
        return [block(pages.heading(self.someone, width))]

    def _talk_page(self, width: int) -> list[Block]:
        return pages.conversation(self.opened, self.someone, self._unread, width)

    def _details_page(self, width: int) -> list[Block]:
        key = self.blocks("conversation").selected
        said = next((one for one in self.opened.messages if one.key == key), None) if self.opened else None
        parts = (
            pages.path(said, width),
            pages.addresses(self.opened, self.someone, self.desk.silent, width),
            pages.services(self.desk, width),
        )
        return [one for part in parts for one in part]

    def _note_page(self, width: int) -> list[Block]:
        if self._note is None:
            return []
        at, words, role = self._note
        return [block(line(Span(f"{at} ", "dim"), Span(cut(words, width - 6), role)))]

    def _keys_page(self, width: int) -> list[Block]:
        """As many keys as fit; help and the way out always do."""
        place = "writing" if self.line_to_write.has_focus else _FOCUS[self._pane]
        always = _WHILE_WRITING if place == "writing" else _ALWAYS
        more = () if place == "writing" or self.someone is None else _MORE
        known = {action for _, _, action in _KEYS[place]} | {place}
        end = [span for key in always for span in _key(*key)]
        spans: list[Span] = []
        for key in (*_KEYS[place], *(one for one in more if one[2] not in known)):
            if length((*spans, *_key(*key), *end)) <= width:
                spans += _key(*key)
        return [block((*spans, *end))]

    # ---------------------------------------------------------------- what the worker tells

    def _show(self, desk: Desk) -> None:
        self.desk = desk
        for opened in desk.opened:
            self._looked_into[opened.number] = opened
            kept = {said.key for said in opened.messages}
            self._writing[opened.number] = [one for one in self._writing.get(opened.number, []) if one.key not in kept]
        self._tell_of_services(desk)
        if self.number is None and desk.people:
            self.open(desk.people[0].number)
        self._read()
        self._repaint()

    def _repaint(self) -> None:
        someone, writing = self.someone, self.line_to_write
        writing.placeholder = "" if someone is None else f"write to {someone.name}"
        writing.display = someone is not None and not someone.is_over
        self._paint("top", "people", "heading", "conversation")
        talk = self.blocks("conversation")
        if talk.selected is None or not talk.has_focus:
            talk.selected = talk.last_key
        self._paint("details")

    def _tell_of_services(self, desk: Desk) -> None:
        now, before = set(desk.silent), set(self._silent)
        self._silent = desk.silent
        back = [pages.host(one.uri) for one in desk.services if one.uri in before - now]
        gone = [pages.host(uri) for uri in desk.silent if uri not in before]
        if back:
            self.note(f"back: {', '.join(back)}", "good")
        if gone:
            self.note(f"no answer from {', '.join(gone)}; asked again later")

    def note(self, words: str, role: str = "warn") -> None:
        """Say something that hinders nothing."""
        self._note = (f"{datetime.fromtimestamp(self._clock() / 1000):%H:%M}", words, role) if words else None
        self._paint("note")

    # ---------------------------------------------------------------- one relationship

    def open(self, number: int) -> None:
        """Turn to a relationship."""
        if self.number is not None:
            self._drafts[self.number] = self.line_to_write.text
        self.number, self._unread = number, None
        self.worker.open(number)
        people, talk, writing = self.blocks("people"), self.blocks("conversation"), self.line_to_write
        writing.load_text(self._drafts.pop(number, ""))
        people.show()
        people.select(number)
        self._mark_new()
        talk.selected = None
        talk.show(to_end=True)
        self._repaint()

    def _mark_new(self) -> None:
        opened = self._looked_into.get(-1 if self.number is None else self.number)
        fresh = [one.number for one in opened.messages if not one.is_read] if opened else []
        if fresh and self._unread is None:
            self._unread = fresh[0]

    def _read(self) -> None:
        """Note that the person has seen what is new, if that is so (rule 2)."""
        number, someone = self.number, self.someone
        if number is None or someone is None or not someone.unread:
            return
        looks = len(self.screen_stack) == 1 and self.app_focus
        if looks and (self.line_to_write.has_focus or self.blocks("conversation").has_focus):
            self.worker.do(lambda device: device.read(number))
        else:
            self._mark_new()

    @on(Blocks.Moved)
    def _moved(self, event: Blocks.Moved) -> None:
        if event.blocks.id == "people" and isinstance(event.key, int) and event.key != self.number:
            self.open(event.key)
        elif event.blocks.id == "conversation":
            self._paint("details")

    @on(Blocks.Chosen)
    def _chosen(self) -> None:
        self.action_enter()

    @on(Writing.Sent)
    def _sent(self, event: Writing.Sent) -> None:
        number, text = self.number, event.text
        if number is None:
            return
        place = -1 - len(self._writing.get(number, []))
        said = Said(True, place, self._clock() // 1000, seen(text), Standing.WRITING)
        self._writing.setdefault(number, []).append(said)
        self.line_to_write.load_text("")
        self._unread = None
        self.blocks("conversation").selected = None
        self.blocks("conversation").show(to_end=True)
        self.worker.do(
            lambda device: device.say(number, text),
            lambda kept: self._is_kept(number, said, kept),
            lambda why: self._is_refused(number, said, text, why),
        )

    def _is_kept(self, number: int, said: Said, kept: int) -> None:
        rows = self._writing.get(number, [])
        self._writing[number] = [msgspec.structs.replace(one, number=kept) if one is said else one for one in rows]

    def _is_refused(self, number: int, said: Said, text: str, why: str) -> None:
        self._writing[number] = [one for one in self._writing.get(number, []) if one is not said]
        if number == self.number:
            self.line_to_write.load_text("\n".join(filter(None, (text, self.line_to_write.text))))
        else:
            self._drafts[number] = "\n".join(filter(None, (text, self._drafts.get(number, ""))))
        self.note(why, "bad")
        self._repaint()

    # ---------------------------------------------------------------- the way through the panes

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave letters to whoever takes text, and all keys to a dialog that is open."""
        if action not in _DESK.values():
            return True
        is_open = len(self.screen_stack) == 1
        return is_open and (action == "out" or isinstance(self.focused, Blocks))

    def action_enter(self) -> None:
        """Go in: from a person to the writing line, from a message to its path."""
        if self._pane == "people":
            self.action_write()
        elif self._pane == "talk":
            self.go("details")

    def action_write(self) -> None:
        """Go to the writing line."""
        if self.number is not None:
            self.go("talk", writing=bool(self.line_to_write.display))

    def action_send(self) -> None:
        """Send what is in the writing line."""
        if text := self.line_to_write.text.strip():
            self.line_to_write.post_message(Writing.Sent(text))

    def action_new_line(self) -> None:
        """Begin a new line in the writing line."""
        self.line_to_write.insert("\n")

    def action_details(self) -> None:
        """Show path and addresses, or hide them."""
        self.go("talk" if self._pane == "details" else "details")

    def action_out(self) -> None:
        """Go out of a pane."""
        if self.line_to_write.has_focus or self._pane == "details":
            self.go("talk")
        else:
            self.go("people")

    def action_scroll_conversation(self, by: int) -> None:
        """Turn a page of the conversation, from the writing line."""
        self.blocks("conversation").action_leap(by)

    def action_light(self) -> None:
        """Change between the light and the dark theme."""
        self.theme = (themes.LIGHT if self.current_theme.dark else themes.DARK).name

    def action_leave_desk(self) -> None:
        """End, by a letter."""
        self.action_leave()

    def action_leave(self) -> None:
        """End, after everything is stored; a text that was not sent is worth a second key."""
        unsent = [number for number, text in self._drafts.items() if text.strip()]
        if (self.line_to_write.text.strip() or unsent) and not self._is_warned:
            self._is_warned = True
            self.note("a text was not sent; ctrl+c once more leaves without it")
        elif not self._is_leaving:
            self.note("leaving; what was written is being stored", "dim")
            self.leave_at_once()

    def leave_at_once(self) -> None:
        """End, after everything is stored that was sent off; nobody is asked."""
        self._is_leaving = True
        self.worker.stop()

    # ---------------------------------------------------------------- with people and services

    def action_invite(self) -> None:
        """Make a link for one person."""
        doings.invite(self)

    def action_accept(self) -> None:
        """Begin a relationship with a link."""
        doings.accept(self)

    def action_link(self) -> None:
        """Show a link again."""
        doings.link(self)

    def action_fingerprint(self) -> None:
        """Show what two people compare."""
        doings.fingerprint(self)

    def action_move(self) -> None:
        """Receive at another service."""
        doings.move(self)

    def action_receipts(self) -> None:
        """Tell what is read, or not."""
        doings.receipts(self)

    def action_end(self) -> None:
        """End a relationship."""
        doings.end(self)

    def action_help(self) -> None:
        """Say what the keys are, by a letter."""
        doings.show_help(self)

    def action_show_help(self) -> None:
        """Say what the keys are, from wherever one is."""
        if len(self.screen_stack) == 1:
            doings.show_help(self)


def _key(key: str, word: str, action: str) -> tuple[Span, ...]:
    return Span(key, "key", f"app.{action}"), Span(f" {word}   ", "dim", f"app.{action}")


def run(device: Device, name: str, *, is_light: bool | None = None) -> None:
    """Show the screen of a device until the person leaves; everything that was asked for is done by then."""
    from communicator_reports.terminal.driving import TerminalDriver

    terminal = Terminal(device, name, is_light=is_light, driver=TerminalDriver)
    try:
        terminal.run()
    finally:
        terminal.worker.stop()
        terminal.worker.join()
