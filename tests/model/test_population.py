"""The people: independent of each other, equal under all policies, and what cutting does to them."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_model.population import (
    Components,
    Person,
    Population,
    PopulationError,
    cut_components,
    describe,
    relationship_graph,
)
from communicator_model.synthetic import synthesise


def draw(seed: int = 1, **wishes: float) -> list[Person]:
    settings: dict[str, float] = {"people": 30, "providers": 7, "phones": 50, **wishes}
    return Population.draw(seed, **settings).people()  # type: ignore[arg-type]


def test_same_seed_same_people_and_other_seed_others() -> None:
    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_adding_people_changes_nobody_else() -> None:
    assert draw(people=80)[:30] == draw(people=30)


@given(st.integers(0, 2**64), st.integers(2, 7))
def test_fewer_services_are_the_prefix_of_more(seed: int, services: int) -> None:
    few = draw(seed, receiving=1, sending=1)
    many = draw(seed, receiving=services, sending=services)
    for one, other in zip(few, many, strict=True):
        assert one.receiving == other.receiving[:1]
        assert one.sending == other.sending[:1]
        assert one.phone == other.phone
        assert one.receiving + one.spares == other.receiving + other.spares


@given(st.integers(0, 2**64), st.integers(1, 7), st.integers(0, 9))
def test_services_and_spares_are_distinct(seed: int, services: int, spares: int) -> None:
    for person in draw(seed, receiving=services, sending=services, spares=spares):
        mine = person.receiving + person.spares
        assert len(set(mine)) == len(mine) == min(7, services + spares)
        assert len(set(person.sending)) == services
        assert set(mine + person.sending) <= set(range(7))
        assert 0 <= person.phone < 50


def test_popularity_follows_zipf() -> None:
    population = Population.draw(3, people=20_000, providers=5, zipf_s=1.2)
    weights = np.arange(1, 6) ** -1.2
    assert population.clients() / 20_000 == pytest.approx(weights / weights.sum(), abs=0.015)


def test_exponent_zero_makes_all_providers_equal() -> None:
    population = Population.draw(3, people=20_000, providers=4, zipf_s=0)
    assert population.clients() / 20_000 == pytest.approx([0.25] * 4, abs=0.015)


def test_sending_and_receiving_are_drawn_apart() -> None:
    people = draw(people=2000, zipf_s=0)
    assert np.mean([p.sending[0] == p.receiving[0] for p in people]) == pytest.approx(1 / 7, abs=0.03)


def test_one_person_is_the_same_alone_and_among_all() -> None:
    population = Population.draw(5, people=9, providers=4, receiving=2, phones=3)
    assert [population.person(number) for number in range(9)] == population.people()
    assert len(population) == 9
    with pytest.raises(ValueError, match="read-only"):
        population.receiving[0, 0] = 1


@pytest.mark.parametrize(
    "wishes",
    [
        {"people": 0},
        {"receiving": 0},
        {"receiving": 8},
        {"sending": 8},
        {"phones": 0},
        {"spares": -1},
        {"zipf_s": -1},
        {"zipf_s": float("nan")},
    ],
)
def test_impossible_population_is_refused(wishes: dict[str, float]) -> None:
    with pytest.raises(PopulationError):
        draw(1, **wishes)


def test_relationships_count_the_messages_of_each_pair() -> None:
    trace = synthesise(2, 80, 1500, 10)
    graph = relationship_graph(trace)
    assert list(graph) == list(range(80))
    assert sorted(map(sorted, graph.edges())) == trace.pairs().tolist()
    assert sum(edge["messages"] for _, _, edge in graph.edges(data=True)) == 1500
    statistics = describe(graph)
    assert (statistics.people, statistics.relationships) == (80, len(trace.pairs()))
    assert statistics.degree_mean == pytest.approx(2 * len(trace.pairs()) / 80)


def test_cutting_relationships_splits_people_and_leaves_the_graph() -> None:
    graph = nx.path_graph(6)
    assert cut_components(graph, []) == Components(components=1, largest=1.0, isolated=0)
    cut = cut_components(graph, [(2, 1), (4, 5), (0, 5)])
    assert cut == Components(components=3, largest=0.5, isolated=1)
    assert graph.number_of_edges() == 5
