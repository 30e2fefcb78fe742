"""What stands where, without a terminal: widths, marks, and other people's letters."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from communicator_impl.client.ledger import Standing as Given
from communicator_reports.terminal import help, pages
from communicator_reports.terminal.characters import on_one_line, seen
from communicator_reports.terminal.desk import Address, Attempt, Desk, Opened, Said, Service, Someone, Standing
from communicator_reports.terminal.dialogs import qr_codes
from communicator_reports.terminal.typesetting import Block, Line, cut, fitted, length, wrapped

ONE, TWO = "https://one.example", f"https://{'two.' * 20}example:8443"
TEXTS = st.text(st.sampled_from("ab שלום日本🦊👩‍👧\u0301\n\t \x1b\x07\x9b\u202e\u2067\u200d\ufe0fé"), max_size=80)


def words(blocks: Iterable[Block]) -> str:
    return "\n".join("".join(span.text for span in line) for block in blocks for line in block.lines)


def lines(blocks: Iterable[Block]) -> list[Line]:
    return [line for block in blocks for line in block.lines]


@given(TEXTS)
def test_what_others_write_commands_no_terminal(text: str) -> None:
    for shown in (seen(text), on_one_line(text)):
        assert not any(ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 for letter in shown.replace("\n", ""))
        assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert "\n" not in on_one_line(text)


@given(TEXTS.map(seen), st.integers(4, 40))
def test_wrapping_loses_no_letter_and_keeps_the_width(text: str, width: int) -> None:
    found = wrapped(text, width)
    assert all(cell_len(part) <= width for part in found)
    assert "".join("".join(found).split()) == "".join(text.split())


@given(TEXTS.map(on_one_line), st.integers(0, 40))
def test_a_text_is_fitted_to_the_cell(text: str, width: int) -> None:
    assert cell_len(cut(text, width)) <= width
    assert cell_len(fitted(text, width)) == width


def test_every_state_has_a_mark_of_its_own() -> None:
    marks = [mark for standing, mark in pages.MARKS.items() if standing is not Standing.CAME]
    assert len({*marks}) == len(marks) == len(Standing) - 1


SAID = tuple(
    Said(standing is not Standing.CAME, n, 86_400 * n, "שלום 🦊 " + "word " * 30, standing, n > 4, 90_000)
    for n, standing in enumerate(Standing)
)
TRIES = (
    Attempt(ONE, TWO, 90_000_000, "unreachable", (TWO,)),
    Attempt(ONE, ONE, 91_000_000, "forwarded"),
    Attempt(TWO, ONE, 92_000_000, "something else"),
    Attempt(TWO, TWO, 93_000_000, ""),
)
ADDRESSES = tuple(Address(uri, n % 2 == 0, given, n, 65_536, 1_800_000_000)
                  for n, (uri, given) in enumerate(zip((ONE, ONE, TWO, TWO, TWO), Given, strict=True)))  # fmt: skip
EVERYONE = (
    Someone(0, "Ben", "ready", 2, False, True, "hybrid"),
    Someone(1, "Maximiliana Konstantinopolitanska 🌻", "invited", 0, False),
    Someone(2, "דורה", "ended", 0, True),
)
DESK = Desk(EVERYONE, (Service(ONE, True, True, False), Service(TWO, False, False, True, True, 3, 1_800_000_000)))
OPENED = Opened(0, SAID, ADDRESSES, ())


@pytest.mark.parametrize("width", [20, 36, 40, 43, 52, 58, 80, 160])
def test_no_line_is_wider_than_its_page(width: int) -> None:
    for someone in EVERYONE:
        for blocks in (
            pages.people(DESK, width),
            pages.conversation(OPENED, someone, 4, width),
            pages.path(Said(True, 1, 0, "x", Standing.SENT, attempts=TRIES), width),
            pages.addresses(OPENED, someone, DESK.silent, width),
            pages.services(DESK, width),
            help.page(width),
        ):
            room = [width - (block.key is not None) for block in blocks for _ in block.lines]
            assert all(length(line) <= most for line, most in zip(lines(blocks), room, strict=True)), words(blocks)


def test_a_conversation_says_who_when_and_what_became_of_it() -> None:
    shown = words(pages.conversation(OPENED, EVERYONE[0], 6, 80))
    for found in ("Thursday 1 January 1970", "me", "Ben", "new ─", "… ", "· ", "→ ", "✓ ", "✓✓", "✗ "):
        assert found in shown
    for standing in Standing:
        assert (standing.value in shown) == (standing is not Standing.CAME)


def test_a_path_names_every_attempt_in_its_order() -> None:
    shown = words(pages.path(Said(True, 1, 0, "x", Standing.SENT, attempts=TRIES[:2]), 160))
    first, second = shown.index("✗ silent"), shown.index("✓ stored there")
    assert first < shown.index(f"one.example → {pages.host(TWO)}") < second < shown.index("one.example → one.example")


def test_addresses_are_shown_with_their_states_and_silent_services() -> None:
    shown = words(pages.addresses(OPENED, EVERYONE[0], DESK.silent, 120))
    for found in (
        "Ben reaches you at",
        "you reach Ben at",
        "no address",
        "✗ silent",
        "long-term",
        "short-lived",
        *Given,
    ):
        assert found in shown
    assert "being left by 3" in words(pages.services(DESK, 60))


@pytest.mark.parametrize(
    ("length", "width", "height", "count"), [(20, 80, 40, 1), (1300, 160, 64, 1), (3000, 100, 40, 7)]
)
def test_qr_codes_fit_the_window(length: int, width: int, height: int, count: int) -> None:
    found = qr_codes("x" * length, width, height)
    assert len(found) == count
    for lines_ in found:
        assert {len(row) for row in lines_} == {len(lines_[0])}
        assert len(lines_[0]) in (2 * len(lines_), 2 * len(lines_) - 1)
        assert len(lines_[0]) <= width
        assert len(lines_) <= height
