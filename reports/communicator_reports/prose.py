"""The text of a study, filled with its results: from `prose.md` to the sections of a document.

1. The template is rendered (Jinja); a slot with a number or a name leaves a mark in the text, not its digits.
2. Any digit that is left outside a code mark was typed: that is refused.
3. The text is cut into title, subtitle, abstract, sections, paragraphs, lists, figures and tables.
4. In each of them marks become text, and the numbers among them are kept beside it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import jinja2

from communicator_reports.document import Block, Items, Prose, Section
from communicator_reports.quantities import Quantity
from communicator_reports.studies import PROSE, StudyError

__all__ = ["Name", "Text", "told"]

_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK: Final = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
_CODE: Final = re.compile(r"`[^`]*`")
_HEADING: Final = re.compile(r"## (?P<title>[^{]+?)(?: \{#(?P<name>[a-z-]+)\})?")
_PLACED: Final = re.compile(r"\{(?P<kind>figure|table): (?P<name>[a-z-]+)\}")


class Name(str):
    """Words of the results in which a digit is no number: a label, a file, a citation."""

    __slots__ = ()


class Text(NamedTuple):
    """A told study; `said` are the numbers of title, subtitle and abstract."""

    title: str
    subtitle: str
    abstract: str
    said: tuple[Quantity, ...]
    sections: tuple[Section, ...]


Placed = Callable[[str, str], Block | None]
"""(kind, name) → the figure or table; None: the results do not have it. KeyError: there is none of that name."""


def told(template: str, slots: Mapping[str, object], placed: Placed) -> Text:
    """Fill a text.

    Raises `StudyError` for a slot, figure or table that there is not, and for a number that was typed.
    """
    marks: list[Quantity | Name] = []

    def mark(value: object) -> object:
        if not isinstance(value, Quantity | Name):
            return value
        marks.append(value)
        return f"{_OPEN}{len(marks) - 1}{_CLOSE}"

    environment = jinja2.Environment(
        finalize=mark,
        comment_start_string="<!--",
        comment_end_string="-->",
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    try:
        text = environment.from_string(template).render(slots)  # 1
    except (jinja2.TemplateError, KeyError, TypeError) as error:
        raise StudyError(f"{PROSE}: {error}") from None
    _refuse_digits(text)  # 2
    return _Cutter(marks, placed).cut(text)


def _refuse_digits(text: str) -> None:
    for line in text.splitlines():
        if re.search(r"\d", _CODE.sub("", _MARK.sub("", line))):
            raise StudyError(f"{PROSE}: a number was typed, not filled from results: {_MARK.sub('…', line.strip())}")


class _Cutter:
    """Cuts a text with marks into parts."""

    def __init__(self, marks: list[Quantity | Name], placed: Placed) -> None:
        self._marks = marks
        self._placed = placed

    def cut(self, text: str) -> Text:  # 3
        """Return the parts."""
        head, *rest = re.split(r"^(?=## )", text, flags=re.MULTILINE)
        title, _, subtitle = head.strip().partition("\n")
        found: list[str] = []
        said: list[Quantity] = []
        sections: list[Section] = []
        for part in rest:
            heading, _, body = part.partition("\n")
            match = _HEADING.fullmatch(heading.strip())
            if match is None:
                raise StudyError(f"{PROSE}: no heading: {heading}")
            if match["name"] is None:
                found.append(body)
            else:
                sections.append(Section(match["title"], match["name"], tuple(self._blocks(body))))
        if not title.startswith("# ") or len(found) != 1:
            raise StudyError(f"{PROSE}: a title and one section without a name, the abstract, are needed")
        parts = []
        for words in (title.removeprefix("# "), subtitle, found[0]):
            filled, numbers = self._filled(words)
            parts.append(filled)
            said += numbers
        return Text(parts[0], parts[1], parts[2], tuple(said), tuple(s for s in sections if s.blocks))

    def _blocks(self, body: str) -> list[Block]:
        blocks: list[Block] = []
        for paragraph in re.split(r"\n\s*\n", body.strip()):
            at = _PLACED.fullmatch(paragraph.strip())
            if at is not None:
                blocks += self._put(at["kind"], at["name"])
            elif paragraph.startswith("- "):
                former = blocks.pop() if blocks and isinstance(blocks[-1], Items) else Items(())
                blocks.append(self._items(paragraph, former))
            elif paragraph.strip():
                text, said = self._filled(paragraph)
                blocks.append(Prose(text, said))
        return blocks

    def _put(self, kind: str, name: str) -> list[Block]:
        try:
            block = self._placed(kind, name)
        except KeyError:
            raise StudyError(f"{PROSE}: there is no {kind} {name!r}") from None
        return [] if block is None else [block]

    def _items(self, paragraph: str, before: Block) -> Items:
        filled = [self._filled(item) for item in re.split(r"^- ", paragraph, flags=re.MULTILINE)[1:]]
        assert isinstance(before, Items)
        numbers = tuple(number for _, said in filled for number in said)
        return Items((*before.items, *(text for text, _ in filled)), (*before.said, *numbers))

    def _filled(self, text: str) -> tuple[str, tuple[Quantity, ...]]:  # 4
        used = [self._marks[int(number)] for number in _MARK.findall(text)]
        words = _MARK.sub(lambda found: str(self._marks[int(found[1])]), " ".join(text.split()))
        return words, tuple(value for value in used if isinstance(value, Quantity))
