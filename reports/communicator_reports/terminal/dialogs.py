"""Small screens above the desk: what is asked for before something is done, and what is shown once.

Theory. A dialog asks, the desk acts: each gives back a value, or None where the person went back, and knows neither the
store nor the thread that owns it. Escape always goes back and changes nothing; the keys stand on the lower edge.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from communicator_reports.commands.rm.qr import codes
from communicator_reports.terminal.blocks import Blocks
from communicator_reports.terminal.typesetting import Block, Span, block, cut, line

if TYPE_CHECKING:
    from segno import QRCode

__all__ = ["Answer", "Ask", "Field", "Link", "Tell", "qr_codes"]

_QUIET_ZONE: Final = 2
_HALVES: Final = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


class Field(NamedTuple):
    """One thing to be typed."""

    label: str
    example: str = ""


class Answer(NamedTuple):
    """What was typed, which of the choices was taken, and whether the box was ticked."""

    typed: tuple[str, ...]
    choice: int
    is_ticked: bool


class Tick(Static, can_focus=True):
    """A yes or no: Space or a click changes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "change", show=False)]

    def __init__(self, words: str) -> None:
        super().__init__(f"[ ] {words}", markup=False, classes="tick")
        self._words, self.is_ticked = words, False

    def action_change(self) -> None:
        """Change it."""
        self.is_ticked = not self.is_ticked
        self.update(f"[{'x' if self.is_ticked else ' '}] {self._words}")

    def on_click(self) -> None:
        """Change it by the mouse."""
        self.action_change()


class Ask(ModalScreen[Answer | None]):
    """Asks for a choice, some words and a yes or no; Enter goes on to what is not typed yet, and then does it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", show=False),
        Binding("enter", "go_on", show=False),
    ]

    def __init__(
        self, title: str, why: str, fields: Sequence[Field] = (), *, choices: Sequence[str] = (), tick: str = ""
    ) -> None:
        super().__init__()
        self._title, self._why, self._fields, self._choices, self._tick = title, why, fields, choices, tick

    def compose(self) -> ComposeResult:
        """Lay the questions out."""
        with VerticalScroll(classes="box", can_focus=False) as box:
            box.border_title = self._title
            box.border_subtitle = f"{'space ticks · ' if self._tick else ''}enter goes on · esc"
            yield Static(self._why, classes="why", markup=False)
            if self._choices:
                yield Blocks(self._page, id="choices")
            for field in self._fields:
                yield Label(field.label, markup=False)
                yield Input(placeholder=field.example)
            if self._tick:
                yield Tick(self._tick)
            yield Static("", classes="wrong", markup=False)

    def _page(self, width: int) -> list[Block]:
        return [block(line(Span(cut(words, width - 1))), key=n) for n, words in enumerate(self._choices)]

    def on_mount(self) -> None:
        """Begin with the first question."""
        for choices in self.query(Blocks):
            choices.styles.height = min(6, len(self._choices))
            choices.selected = 0
        self.query("Blocks, Input, Tick").first().focus()

    @on(Input.Submitted)
    @on(Blocks.Chosen)
    def action_go_on(self) -> None:
        """Go to what is still empty, or be done."""
        for field, asked in zip(self.query(Input), self._fields, strict=True):
            if not field.value.strip():
                is_here = field is self.focused
                self.query_one(".wrong", Static).update(f"{asked.label}: this is needed" if is_here else "")
                field.focus()
                return
        typed = tuple(field.value.strip() for field in self.query(Input))
        choice = next((chosen.selected for chosen in self.query(Blocks)), 0)
        assert isinstance(choice, int)
        self.dismiss(Answer(typed, choice, any(tick.is_ticked for tick in self.query(Tick))))

    def action_back(self) -> None:
        """Go back."""
        self.dismiss(None)


class Tell(ModalScreen[bool]):
    """Shows a page; `key` and `does` name something that can be done with it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q,question_mark,f1", "leave(False)", show=False)]

    def __init__(self, title: str, page: Callable[[int], list[Block]], *, key: str = "", does: str = "") -> None:
        super().__init__()
        self._title, self._page, self._key, self._does = title, page, key, does

    def compose(self) -> ComposeResult:
        """Lay the page out."""
        with Vertical(classes="box") as box:
            box.border_title = self._title
            does = f"{self._key} {self._does} · " if self._key else ""
            box.border_subtitle = f"{does}esc goes back"
            yield Blocks(self._page, id="page")

    def on_mount(self) -> None:
        """Take the key."""
        if self._key:
            self._bindings.bind(self._key, "leave(True)", show=False)
        self.query_one(Blocks).focus()
        self.on_resize()

    def on_resize(self) -> None:
        """Be as high as the page, or as the window allows."""
        width = min(72, int(self.app.size.width * 0.96) - 6)
        rows = sum(len(block.lines) for block in self._page(width - 1))
        self.query_one(Blocks).styles.height = max(1, min(rows, self.app.size.height - 4))

    def action_leave(self, does: bool) -> None:
        """End, with or without what can be done."""
        self.dismiss(does)


class Link(ModalScreen[None]):
    """Shows a link as text, and as QR codes: one, or as many as the window makes necessary."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "back", show=False),
        Binding("c", "copy", show=False),
        Binding("r,space", "draw", show=False),
    ]

    def __init__(self, name: str, link: str) -> None:
        super().__init__()
        self._name, self._link = name, link
        self._drawn = 0  # which code is seen; 0: the text

    def compose(self) -> ComposeResult:
        """Lay the link out."""
        with VerticalScroll(classes="box") as box:
            box.border_title = f"link for {self._name}"
            box.border_subtitle = "c copies · r QR code · esc"
            why = "Give it to this one person over a way that you trust. Whoever uses it first is that person."
            yield Static(why, classes="why", markup=False)
            yield Static(self._link, id="link", markup=False)
        yield Static("", id="qr", markup=False)

    def on_mount(self) -> None:
        """Begin with the text."""
        self._turn(0)

    def action_back(self) -> None:
        """Go back: from the code to the text, from the text to the desk."""
        if self._drawn:
            self._turn(0)
        else:
            self.dismiss(None)

    def action_copy(self) -> None:
        """Give the link to the terminal's clipboard."""
        self.app.copy_to_clipboard(self._link)
        self._note("The terminal was asked to copy the link.")

    def action_draw(self) -> None:
        """Draw the first code over the whole window, the next one, and after the last one the text."""
        width, height = self.app.size
        drawn = qr_codes(self._link, width, height - 1)
        lines = drawn[self._drawn] if self._drawn < len(drawn) else []
        if lines and (len(lines) >= height or len(lines[0]) > width):
            self._note(f"The QR codes need a window of {len(lines[0])} × {len(lines) + 1}.")
            return
        caption = f" {self._drawn + 1} of {len(drawn)}   r the next one" if len(drawn) > 1 else ""
        self.query_one("#qr", Static).update("\n".join([*lines, caption]))
        self._turn(self._drawn + 1 if lines else 0)

    def _turn(self, drawn: int) -> None:
        self._drawn = drawn
        self.query_one(".box").display = not drawn
        self.query_one("#qr").display = bool(drawn)

    def _note(self, words: str) -> None:
        why = self.query_one(".why", Static)
        why.update(words)
        why.scroll_visible(animate=False)


def qr_codes(text: str, width: int, height: int) -> list[list[str]]:
    """Return a text as QR codes for a window, in half blocks, dark on light, two rows of them on each line."""
    margins = 8 - 2 * _QUIET_ZONE
    return [_lines(code) for code in codes(text, min(width, 2 * height) + margins)]


def _lines(code: "QRCode") -> list[str]:
    rows = [[bool(dark) for dark in row] for row in code.matrix_iter(border=_QUIET_ZONE)]
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    return ["".join(_HALVES[two] for two in zip(*rows[n : n + 2], strict=True)) for n in range(0, len(rows), 2)]
