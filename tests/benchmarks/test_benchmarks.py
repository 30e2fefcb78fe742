"""The benchmarks run; what they measure is nobody's business here."""

import json

import pytest
from tests.benchmarks.__main__ import main


def test_resolving_is_measured_beside_its_primitives(capsys: pytest.CaptureFixture[str]) -> None:
    main(["resolve", "--short", "--json"])
    found = json.loads(capsys.readouterr().out)["resolve"]
    compared, orientation = found.values()
    assert [row["profile"] for row in compared] == ["two-layer/1", "label/1"]
    assert all(row["low"] <= row["ratio"] <= row["high"] for row in (*compared,))
    assert len(orientation) == 6
    main(["resolve", "--short"])
    assert "two-layer/1" in capsys.readouterr().out


def test_what_is_no_benchmark_is_refused() -> None:
    with pytest.raises(SystemExit):
        main(["nothing"])
