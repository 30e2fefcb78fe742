"""The line to write on: it grows with the text, Enter sends, and what is pasted keeps its lines."""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

__all__ = ["Writing"]


class Writing(TextArea):
    """A few lines of text; Ctrl-J begins a new one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "app.scroll_conversation(-1)", show=False),
        Binding("pagedown", "app.scroll_conversation(1)", show=False),
    ]

    class Sent(Message):
        """The person is done with a text."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(
            id="writing", compact=True, soft_wrap=True, show_line_numbers=False, highlight_cursor_line=False
        )

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            text = self.text.strip()
            if text:
                self.post_message(self.Sent(text))
        elif event.key in ("ctrl+j", "shift+enter", "alt+enter"):
            event.stop()
            event.prevent_default()
            self.insert("\n")
        else:
            await super()._on_key(event)
