"""The benchmarks run; what they measure is nobody's business here."""

import json

import pytest
from tests.benchmarks.__main__ import main
from tests.benchmarks._figures import median_ratio, quantile, ratio
from tests.benchmarks._scaling import exponent, measure


def test_resolving_is_measured_beside_its_primitives(capsys: pytest.CaptureFixture[str]) -> None:
    main(["resolve", "--short", "--json"])
    found = json.loads(capsys.readouterr().out)["resolve"]
    compared, orientation = found.values()
    assert [row["profile"] for row in compared] == ["two-layer/1", "label/1"]
    assert all(row["low"] <= row["ratio"] <= row["high"] for row in (*compared,))
    assert len(orientation) == 6
    main(["resolve", "--short"])
    assert "two-layer/1" in capsys.readouterr().out


def test_steps_through_the_pipe_are_measured_beside_the_barest_exchange(capsys: pytest.CaptureFixture[str]) -> None:
    main(["lines", "--short", "--json"])
    (rows,) = json.loads(capsys.readouterr().out)["lines"].values()
    assert len(rows) == 4
    assert all(row["low"] <= row["ratio"] <= row["high"] and row["steps/s"] > 0 for row in rows)


def test_the_world_is_measured_beside_its_readable_version(capsys: pytest.CaptureFixture[str]) -> None:
    main(["population", "--short", "--json"])
    both, parts, grown = json.loads(capsys.readouterr().out)["population"].values()
    assert [row["what"].strip() for row in both] == ["as studies run it", "on stock SimPy", "without collector"]
    assert all(row["µs/message"] > 0 for row in parts)
    assert all(0 < row["of the bare clock"] < 1 and row["messages/s"] > 0 for row in both)
    assert all(row["bytes/person"] > 0 and row["bytes/relationship"] > 0 for row in grown)


def test_a_town_is_measured_whole() -> None:
    town = measure(60)
    assert town["messages"] == 120
    assert float(town["messages/s"]) > 0


def test_an_exponent_is_found() -> None:
    found = exponent([10, 100, 1000, 10_000], [3 * n**1.5 for n in (10, 100, 1000, 10_000)])
    assert found["exponent"] == pytest.approx(1.5)
    assert found["low"] <= found["exponent"] <= found["high"]


def test_ratchets_are_measured_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    main(["ratchet", "--short", "--json"])
    for rows in json.loads(capsys.readouterr().out)["ratchet"].values():
        assert [row["contender"] for row in rows][:2] == ["ours", "floor"]
        assert rows[0]["+ bytes"] == 88
        assert all(row["messages/s"] > 0 for row in rows)


def test_a_median_ratio_is_enclosed_by_its_order_statistics() -> None:
    found = median_ratio([float(n) for n in range(1, 32)], [1.0] * 31)
    assert found == (16.0, 10.0, 22.0)
    assert median_ratio([1.0, 2.0], [1.0, 1.0]).high == float("inf")


@pytest.mark.slow
def test_a_client_at_rest_is_measured_at_both_services(capsys: pytest.CaptureFixture[str]) -> None:
    main(["rest", "--short", "--json"])
    ((row,),) = json.loads(capsys.readouterr().out)["rest"].values()
    assert row["relationships"] == 1
    assert all(row[f"kB/h, {which}"] > 0 for which in ("one", "other"))


@pytest.mark.slow
def test_acceptance_is_measured_and_all_of_it_resolves(capsys: pytest.CaptureFixture[str]) -> None:
    main(["accept", "--short", "--json"])
    closed, steady = json.loads(capsys.readouterr().out)["accept"].values()
    for rows in (closed, steady):
        assert [row["contender"] for row in rows] == ["SQLite"]
        assert 0 < rows[0]["p50 ms"] <= rows[0]["p99 ms"] <= rows[0]["max ms"]
    assert 0 < closed[0]["resolved/s"] <= closed[0]["messages/s"]


def test_a_ratio_is_that_of_paired_rounds() -> None:
    found = ratio([2.0, 4.0, 8.0], [1.0, 2.0, 4.0])
    assert found.mean == pytest.approx(2.0)
    assert found.low == pytest.approx(found.high)
    wide = ratio([3.0, 5.0], [1.0, 1.0])
    assert wide.low < 3 < wide.mean < 5 < wide.high


def test_a_quantile_is_one_of_the_values() -> None:
    assert [quantile([4.0, 1.0, 3.0, 2.0], share) for share in (0.5, 0.99, 1.0)] == [2.0, 4.0, 4.0]


def test_what_is_no_benchmark_is_refused() -> None:
    with pytest.raises(SystemExit):
        main(["nothing"])
