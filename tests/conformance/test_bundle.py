"""The vectors travel alone: the archive is always the same, says what it holds, and is played with nothing else."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from communicator_conformance import bundle
from communicator_conformance.testee import resolve
from communicator_conformance.vectors import published
from communicator_reports.commands.conform import app

HERE = Path(__file__).parent
RUNNER = HERE / "own_runner.py"
MADE = bundle.contents()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "vectors.zip"
    result = CliRunner().invoke(app, ["vectors", "--out", str(path), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["files"] == len(MADE)
    return path


def test_it_is_the_same_whenever_it_is_made(archive: Path) -> None:
    assert archive.read_bytes() == bundle.archive()
    with zipfile.ZipFile(archive) as whole:
        assert whole.namelist() == sorted(whole.namelist())
        assert {entry.date_time for entry in whole.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_committed_schema_is_what_the_types_say() -> None:
    assert MADE["vector.schema.json"] == bundle.schema()


def test_the_schema_takes_every_vector_and_nothing_with_another_key() -> None:
    schema = json.loads(MADE["vector.schema.json"])
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    vectors = [json.loads(data) for name, data in MADE.items() if name.startswith("vectors/")]
    for vector in vectors[::20]:
        validator.validate(vector)
    assert not validator.is_valid({**vectors[0], "note": "x"})
    assert not validator.is_valid({name: value for name, value in vectors[0].items() if name != "steps"})


def test_the_digests_are_those_of_the_files() -> None:
    listed = dict(line.split("  ")[::-1] for line in MADE["SHA256SUMS"].decode().splitlines())
    assert listed == {n: hashlib.sha256(data).hexdigest() for n, data in MADE.items() if n != "SHA256SUMS"}
    assert json.loads(MADE["manifest.json"])["vectors"] == len(published())


def test_a_folder_holds_the_same_files(tmp_path: Path) -> None:
    assert bundle.write(tmp_path / "out") == len(MADE)
    found = {p.relative_to(tmp_path / "out").as_posix(): p.read_bytes() for p in (tmp_path / "out").rglob("*.*")}
    assert found == {name: data for name, data in MADE.items() if "." in name}


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(app, ["vectors", "--out", str(tmp_path / "file" / "x.zip")])
    assert result.exit_code == 2
    assert "--out" in result.output


def test_a_runner_of_ones_own_plays_it_against_the_reference(archive: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(RUNNER), str(archive), *resolve(["reference"])],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout == f"{len(published())} passed, 0 failed, 0 skipped\n", done.stderr
    assert len(RUNNER.read_text("utf-8").splitlines()) <= 80


def test_a_runner_of_ones_own_finds_who_accepts_everything(archive: Path, tmp_path: Path) -> None:
    small = tmp_path / "some.zip"
    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(small, "w") as some:
        for name in whole.namelist():
            if not name.startswith("vectors/") or name.startswith("vectors/hpke/"):
                some.writestr(name, whole.read(name))
    liar = str(HERE / "liars" / "always_accepts.py")
    done = subprocess.run(
        [sys.executable, str(RUNNER), str(small), sys.executable, liar],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "failed hpke/tampered" in done.stdout
