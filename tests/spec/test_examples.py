"""Examples in the chapters are generated, valid, and all shown."""

import json
from pathlib import Path

import cbor2
import pytest

from communicator_spec.examples import BLOCK, cbor, examples, render_json, rewrite
from communicator_spec.schema import validate

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted((ROOT / "spec").glob("[0-9][0-9]-*.md"))
BINARY = [name for name, example in examples().items() if example.rule]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_blocks_in_the_chapters_are_what_the_generator_writes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert rewrite(text) == text


def test_every_example_is_shown_once() -> None:
    shown = [m["name"] for path in CHAPTERS for m in BLOCK.finditer(path.read_text(encoding="utf-8"))]
    assert sorted(shown) == sorted(examples())


def test_a_block_with_a_strange_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        rewrite("<!-- example: nobody -->\n<!-- /example -->\n")


def test_the_file_with_all_bytes_is_fresh() -> None:
    data = (ROOT / "spec/communicator_spec/examples.json").read_bytes()
    assert data == render_json()
    assert {bytes.fromhex(e["hex"]) for e in json.loads(data).values()} == {
        e.data for e in examples().values() if e.data
    }


@pytest.mark.parametrize("name", BINARY)
def test_examples_follow_the_schema(name: str) -> None:
    rule, data, _ = examples()[name]
    assert validate(rule, data) is None


@pytest.mark.parametrize("name", BINARY)
def test_the_schema_refuses_an_example_with_a_field_too_many(name: str) -> None:
    rule, data, _ = examples()[name]
    assert validate(rule, cbor({**cbor2.loads(data), 99: 0})) is not None
