"""Every number and label of the chapters is that of the table of parameters."""

from pathlib import Path

import pytest

from communicator_spec.clauses import scan
from communicator_spec.figures import MARK, faults, render_table, rewrite, shown, unmarked, unnamed
from communicator_spec.parameters import PARAMETERS

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted((ROOT / "spec").glob("[0-9][0-9]-*.md"))
TEXTS = [path.read_text(encoding="utf-8") for path in CHAPTERS]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_figures_of_the_chapters_are_those_of_the_table(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert list(faults(text)) == []
    assert rewrite(text) == text


def test_the_table_for_readers_is_fresh() -> None:
    assert (ROOT / "spec/parameters.md").read_text(encoding="utf-8") == render_table()


def test_every_parameter_is_said_somewhere() -> None:
    assert unnamed(TEXTS) == set()
    assert unnamed(TEXTS[:-1]) != set()


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("At most [4,095][envelope.request_bytes_max] bytes.", "is 4,096"),
        ("For [8 days][token.epoch_s].", "is 7 days"),
        ("For [1 day][state.ephemeral_refresh_s].", "whole number of days"),
        ("At most [4][envelope.nothing] bytes.", "nothing"),
        ("See `envelope.nothing`.", "no parameter"),
        ('The label "communicator nothing".', "no label"),
        ("It has 1 + 2 × 3 = 9 bytes.", "is 7"),
        ("It has (1 + 2) × 3 − 1 = 9 bytes.", "is 8"),
        ("It has 17 bytes.", "no mark"),
        ("It has 4096.", "no mark"),
    ],
)
def test_a_fault_is_found(text: str, detail: str) -> None:
    (fault,) = faults(f"First line.\n\n{text}\n")
    assert fault.line == 3
    assert detail in fault.detail


@pytest.mark.parametrize(
    "text",
    ["It has 1 + 2 × 3 = 7 bytes.", "`GET /4096`", "RFC 9578", "```\n4096\n```", 'The "communicator key package".'],
)
def test_what_is_right_is_no_fault(text: str) -> None:
    assert list(faults(f"{text}\n")) == []


def test_a_stale_number_is_rewritten_and_linked() -> None:
    text = "At most [1][envelope.request_bytes_max], for [1 day][token.epoch_s], [0 to 1][extension.commands_group].\n"
    fresh = rewrite(text)
    assert unmarked(fresh).startswith("At most 4,096, for 7 days, 8 to 15.\n")
    assert "[token.epoch_s]: parameters.md#token.epoch_s\n" in fresh
    assert rewrite(fresh) == fresh


def test_clauses_are_read_without_marks(tmp_path: Path) -> None:
    path = tmp_path / "03-envelope.md"
    path.write_text(
        "> **ENV-2** (receiving service · vector) It MUST have [4,096][envelope.request_bytes_max] bytes.\n"
    )
    clauses, wrong = scan(path)
    assert wrong == []
    assert clauses[1].text == "It MUST have 4,096 bytes."
    assert MARK.search(path.read_text())
    assert shown("envelope.ciphertext_classes_bytes", "1") == "2,800"


def test_sizes_follow_from_the_other_sections() -> None:
    s, a, e, p, z = PARAMETERS.suite, PARAMETERS.address, PARAMETERS.envelope, PARAMETERS.session, PARAMETERS.sizes
    text = max(e.ciphertext_classes_bytes)
    assert z.seal_overhead_bytes == s.public_key_bytes + s.tag_bytes
    assert z.inner_bytes == a.root_bytes + 4 + 4
    assert z.label_overhead_bytes == 1 + z.seal_overhead_bytes + a.label_bytes
    assert z.two_layer_request_bytes == 1 + 2 + 2 + (1 + 2 + a.sda_bytes) + (1 + 3 + text)
    assert z.label_request_bytes == 1 + 2 + 2 + (1 + 3 + z.label_overhead_bytes + text)
    assert z.delivery_bytes_max == 1 + 2 + (1 + 9) + (1 + 3 + text) + 2 * (1 + 5)
    assert z.room_bytes == text - p.overhead_bytes - p.length_prefix_bytes
    assert z.first_room_bytes == z.room_bytes - p.opening_sealed_bytes
    assert z.identity_bytes == 2 * s.public_key_bytes + s.signature_bytes
    assert z.first_set_bytes <= z.first_room_bytes
    t, f, v = PARAMETERS.token, PARAMETERS.attachment, PARAMETERS.service
    assert t.token_bytes == 2 + t.nonce_bytes + t.challenge_digest_bytes + t.key_id_bytes + t.authenticator_bytes
    assert t.request_bytes == 2 + 1 + t.authenticator_bytes
    assert f.chunk_bytes == f.chunk_plain_bytes + s.tag_bytes
    assert v.submission_bytes_max == 1 + 2 + (1 + 2 + a.uri_bytes_max) + (1 + 3 + e.request_bytes_max) + 10 + 4
    assert v.root_idle_s > a.lifetime_long_term_s_max
