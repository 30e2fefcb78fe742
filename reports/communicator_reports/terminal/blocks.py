"""The one widget that shows lines: it scrolls, keeps one block selected, and makes only what is in sight.

Theory. A page is a list of blocks (`typesetting`); the widget asks for it anew when what it shows or its own width has
changed. Where a page was at its end it stays there, so what arrives is seen.
"""

from collections.abc import Callable, Hashable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from communicator_reports.terminal.typesetting import Block, Line, Span

__all__ = ["Blocks"]

Page = Callable[[int], list[Block]]


class Blocks(ScrollView, can_focus=True):
    """Blocks one below the other; those with a key can be selected, by keys and by the mouse."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"blocks--{role}"
        for role in ("dim", "strong", "accent", "news", "good", "warn", "bad", "rule", "key", "cursor")
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "leap(-1)", show=False),
        Binding("pagedown", "leap(1)", show=False),
        Binding("home", "first", show=False),
        Binding("end", "last", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Moved(Message):
        """Another block is selected."""

        def __init__(self, blocks: "Blocks", key: Hashable) -> None:
            super().__init__()
            self.blocks, self.key = blocks, key

    class Chosen(Message):
        """The selected block was chosen."""

        def __init__(self, blocks: "Blocks", key: Hashable) -> None:
            super().__init__()
            self.blocks, self.key = blocks, key

    def __init__(self, page: Page, *, id: str, follows: bool = False) -> None:
        super().__init__(id=id)
        self._page, self._follows = page, follows
        self._blocks: list[Block] = []
        self._rows: list[tuple[int, Line]] = []  # block, line
        self._first: list[int] = []  # row of each block
        self._to_end = follows
        self.selected: Hashable | None = None

    # ---------------------------------------------------------------- what is shown

    def show(self, *, to_end: bool = False) -> None:
        """Make the page anew."""
        width = self.scrollable_content_region.width
        self._to_end = to_end or self._to_end
        if width <= 0:
            return  # hidden: shown when it has a size
        stays = self._to_end or (self._follows and self.scroll_offset.y >= self.max_scroll_y)
        self._to_end = False
        self._blocks = self._page(width)
        self._rows, self._first = [], []
        if self._follows:  # a short page ends at the bottom, too
            short = self.scrollable_content_region.height - sum(len(block.lines) for block in self._blocks)
            self._blocks.insert(0, Block(None, ((),) * max(0, short)))
        for number, block in enumerate(self._blocks):
            self._first.append(len(self._rows))
            self._rows += [(number, line) for line in block.lines]
        if all(block.key != self.selected for block in self._blocks):
            self.selected = None
        self.virtual_size = Size(width, len(self._rows))
        self.refresh()
        if stays:
            self.scroll_end(animate=False, immediate=True, force=True)

    def select(self, key: Hashable | None) -> None:
        """Select a block, and bring it into sight."""
        self.selected = key
        place = self._place()
        if place is not None:
            last = place + 1 == len(self._blocks)
            height = len(self._blocks[place].lines)
            top = 0 if all(block.key is None for block in self._blocks[:place]) else self._first[place]
            region = Region(0, top, 1, self._first[place] + height - top)
            if last:
                self.scroll_end(animate=False, immediate=True, force=True)
            else:
                self.scroll_to_region(region, animate=False, immediate=True, force=True)
        self.refresh()

    def _place(self) -> int | None:
        if self.selected is None:
            return None
        return next((n for n, block in enumerate(self._blocks) if block.key == self.selected), None)

    @property
    def last_key(self) -> Hashable | None:
        """The last block that can be selected."""
        return next((block.key for block in reversed(self._blocks) if block.key is not None), None)

    # ---------------------------------------------------------------- how it looks

    def render_line(self, y: int) -> Strip:
        """Return one line of what is in sight."""
        row, width = y + self.scroll_offset.y, self.scrollable_content_region.width
        base = self.rich_style
        if row >= len(self._rows):
            return Strip.blank(width, base)
        number, spans = self._rows[row]
        block = self._blocks[number]
        marker = ""
        if block.key is not None:
            is_selected = block.key == self.selected
            marker = " " if not is_selected else "▌" if self.has_focus else "▏"
            if is_selected:
                base += self.get_component_rich_style("blocks--cursor", partial=True)
        segments = [Segment(marker, base)] if marker else []
        segments += [self._segment(span, base) for span in spans]
        return Strip(segments).adjust_cell_length(width, base).crop(0, width)

    def _segment(self, span: Span, base: Style) -> Segment:
        style = base
        if span.role:
            style += self.get_component_rich_style(f"blocks--{span.role}", partial=True)
        if span.action:
            style += Style(meta={"@click": span.action})
        return Segment(span.text, style)

    def on_resize(self, event: events.Resize) -> None:
        """Make the lines for another width."""
        at_end = self._follows and self.scroll_offset.y >= self.max_scroll_y
        self.show(to_end=at_end)
        if self._place() is not None and not at_end:
            self.select(self.selected)

    # ---------------------------------------------------------------- moving

    def action_move(self, by: int) -> None:
        """Select the next block, or scroll where none can be selected."""
        keys = [block.key for block in self._blocks if block.key is not None]
        if not keys:
            self.scroll_relative(y=by, animate=False)
            return
        now = keys.index(self.selected) + by if self.selected in keys else len(keys) - 1
        self._go(keys[min(max(now, 0), len(keys) - 1)])

    def action_leap(self, by: int) -> None:
        """Move by what is in sight."""
        height = self.scrollable_content_region.height
        place = self._place()
        if place is None:
            self.scroll_relative(y=by * height, animate=False)
            return
        row = min(max(self._first[place] + by * height, 0), len(self._rows) - 1)
        near = self._rows[row][0]
        order = sorted((abs(n - near), n) for n, block in enumerate(self._blocks) if block.key is not None)
        self._go(self._blocks[order[0][1]].key)

    def action_first(self) -> None:
        """Select the first block."""
        self.scroll_home(animate=False, immediate=True, force=True)
        self._go(next((block.key for block in self._blocks if block.key is not None), None))

    def action_last(self) -> None:
        """Select the last block."""
        self.scroll_end(animate=False, immediate=True, force=True)
        self._go(self.last_key)

    def action_choose(self) -> None:
        """Choose the selected block."""
        if self.selected is not None:
            self.post_message(self.Chosen(self, self.selected))

    def on_click(self, event: events.Click) -> None:
        """Select what is clicked, and choose it with the second click."""
        row = event.y + self.scroll_offset.y - self.content_region.y + self.region.y
        if 0 <= row < len(self._rows) and (key := self._blocks[self._rows[row][0]].key) is not None:
            self._go(key)
            if event.chain > 1:
                self.action_choose()

    def _go(self, key: Hashable | None) -> None:
        if key is not None:
            self.select(key)
            self.post_message(self.Moved(self, key))
