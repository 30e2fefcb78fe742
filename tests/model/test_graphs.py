"""Graphs of acquaintances: of the wished size, of the wished kind, and alike those of networkx."""

from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from communicator_model.graphs import Graph, GraphError, Model, acquaintances, ego_facebook
from communicator_model.traces import BESIDE

PEOPLE = 4000
MADE: tuple[Model, ...] = ("watts-strogatz", "barabasi-albert", "blocks", "power-law")


def graph_of(graph: Graph, seed: int = 1) -> "nx.Graph[int]":
    made: nx.Graph[int] = nx.Graph()
    made.add_nodes_from(range(graph.people))
    made.add_edges_from(acquaintances(graph, seed).tolist())
    return made


@pytest.mark.parametrize("model", MADE)
def test_pairs_are_in_order_each_once_and_as_many_as_wished(model: Model) -> None:
    pairs = acquaintances(Graph(model, 10_000), 1)
    assert (pairs[:, 0] < pairs[:, 1]).all()
    keys = pairs[:, 0] * 10_000 + pairs[:, 1]
    assert (np.diff(keys) > 0).all()
    assert pairs.min() >= 0
    assert pairs.max() < 10_000
    least = 0.85 if model == "power-law" else 0.98
    assert least * 40_000 <= len(pairs) <= 1.02 * 40_000


@pytest.mark.parametrize("model", MADE)
def test_same_seed_same_pairs(model: Model) -> None:
    graph = Graph(model, 500)
    assert np.array_equal(acquaintances(graph, 7), acquaintances(graph, 7))
    assert not np.array_equal(acquaintances(graph, 7), acquaintances(graph, 8))


def test_small_worlds_are_those_of_networkx() -> None:
    theirs = nx.watts_strogatz_graph(PEOPLE, 8, 0.1, seed=1)
    ours = graph_of(Graph("watts-strogatz", PEOPLE, 8, rewired=0.1))
    assert nx.transitivity(ours) == pytest.approx(nx.transitivity(theirs), rel=0.05)
    assert max(d for _, d in ours.degree()) == pytest.approx(max(d for _, d in theirs.degree()), abs=4)
    assert nx.transitivity(graph_of(Graph("watts-strogatz", PEOPLE, 8, rewired=1.0))) < 0.02


def test_hubs_are_those_of_networkx() -> None:
    theirs = np.sort([d for _, d in nx.barabasi_albert_graph(PEOPLE, 4, seed=1).degree()])
    ours = np.sort([d for _, d in graph_of(Graph("barabasi-albert", PEOPLE, 8)).degree()])
    for share in (0.5, 0.9, 0.99):
        assert ours[int(share * PEOPLE)] == pytest.approx(theirs[int(share * PEOPLE)], rel=0.15, abs=1)
    assert ours[-1] > 100


def test_blocks_keep_to_themselves_as_far_as_is_said() -> None:
    pairs = acquaintances(Graph("blocks", PEOPLE, 8, blocks=20, within=0.7), 1)
    same = (pairs // (PEOPLE // 20))[:, 0] == (pairs // (PEOPLE // 20))[:, 1]
    assert same.mean() == pytest.approx(0.7 + 0.3 / 20, abs=0.02)


def test_degrees_have_the_tail_that_is_said() -> None:
    degrees = np.bincount(acquaintances(Graph("power-law", 100_000, 8, exponent=2.5), 1).ravel())
    tail = degrees[degrees >= 30]
    assert 1 + 1 / np.log(tail / 29.5).mean() == pytest.approx(2.5, abs=0.25)  # Hill


@pytest.mark.parametrize(
    ("graph", "fault"),
    [
        (Graph("blocks", 3), "it takes 4 people"),
        (Graph("blocks", 100, 60), "half of the others"),
        (Graph("watts-strogatz", 100, rewired=1.5), "shares"),
        (Graph("blocks", 100, blocks=60), "two people in each"),
        (Graph("blocks", 100, 8, blocks=40), "no room"),
        (Graph("power-law", 100, exponent=1), "exponent"),
        (Graph("ego-facebook", 100), "file"),
    ],
)
def test_a_graph_that_cannot_be_is_refused(graph: Graph, fault: str) -> None:
    with pytest.raises(GraphError, match=fault):
        acquaintances(graph, 1)


def test_a_file_of_pairs(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text("# people\n10 30\n30 10\n20 10\n20 20\n")
    assert ego_facebook(path).tolist() == [[0, 1], [0, 2]]
    for text, fault in (("1 2\n1 x\n", "line 2"), ("1 2 3\n", "line 1"), ("", "no pair")):
        path.write_text(text)
        with pytest.raises(GraphError, match=fault):
            ego_facebook(path)


def test_the_published_graph_if_it_is_here() -> None:
    path = BESIDE / "facebook_combined.txt"
    if path.exists():
        pairs = ego_facebook(path)
        assert (len(pairs), int(pairs.max()) + 1) == (88_234, 4_039)
