"""As designed nobody learns what the knowledge table forbids; the drafts and every weakening are caught."""

import os
import subprocess
import sys

import pytest

from communicator_spec.formal.unlinkability import __main__ as command
from communicator_spec.formal.unlinkability import forge, judge, stored_copies, stories, walks
from communicator_spec.formal.unlinkability.facts import (
    Brought,
    Fetched,
    HandedOver,
    Holds,
    Intruded,
    Registered,
    Revoked,
)
from communicator_spec.formal.unlinkability.games import tells_roots
from communicator_spec.formal.unlinkability.report import (
    DESIGNED,
    DRAFTED_SCHEME,
    Line,
    Report,
    drafted_threats,
    minimal,
    weakened,
)
from communicator_spec.formal.unlinkability.things import AS_IT_IS, Counting, Scheme, World
from communicator_spec.formal.unlinkability.traces import STORIES, Trace, story
from communicator_spec.formal.unlinkability.views import Place, observe
from communicator_spec.formal.unlinkability.weakenings import WEAKENINGS, Weakening
from communicator_spec.views import KNOWLEDGE, Relation, Role


@pytest.fixture(scope="module")
def told() -> dict[str, Trace]:
    return {trace.name: trace for trace in stories()}


def handed_over(trace: Trace) -> list[HandedOver]:
    return [fact for fact in trace.facts if isinstance(fact, HandedOver)]


# ---------------------------------------------------------------------- runs and facts
def test_stories_have_every_kind_of_fact(told: dict[str, Trace]) -> None:
    kinds = {type(fact) for trace in told.values() for fact in trace.facts}
    assert kinds == {Holds, Registered, HandedOver, Brought, Intruded, Fetched, Revoked}
    assert [*told] == [*STORIES]


def test_stories_cover_what_their_table_says(told: dict[str, Trace]) -> None:
    senders = {fact.transmission.sender for fact in handed_over(told["conversation"])}
    assert senders == {0, 1}
    again = [
        fact for fact in handed_over(told["retransmission"]) if fact.transmission.first != fact.transmission.ordinal
    ]
    assert {fact.submission.via for fact in again if fact.transmission.sender == 0} == {0, 1}
    assert {fact.submission.service for fact in again if fact.transmission.sender == 0} == {4, 5}
    ways: dict[tuple[int, int], set[int]] = {}
    for fact in handed_over(told["retransmission"]):
        ways.setdefault((fact.transmission.sender, fact.transmission.first), set()).add(fact.submission.service)
    assert {4, 5} in ways.values()  # one message at both receiving services
    serials = {fact.grant.serial for fact in told["rotation"].facts if isinstance(fact, Registered)}
    assert max(serials) > 2
    assert 6 in {fact.grant.service for fact in told["migration"].facts if isinstance(fact, Registered)}
    assert any(isinstance(fact, Revoked) and fact.service == 2 for fact in told["migration"].facts)
    assert len([fact for fact in told["refusal"].facts if isinstance(fact, Revoked)]) == 4
    assert any(isinstance(fact, Brought) and fact.times == 2 for fact in told["trouble"].facts)
    assert {fact.transmission.relationship for fact in handed_over(told["silence"])} == {1}
    assert {fact.transmission.turn for fact in handed_over(told["conversation"])} >= {0, 1, 2}


def test_relationships_are_interleaved(told: dict[str, Trace]) -> None:
    order = [fact.transmission.relationship for fact in handed_over(told["conversation"])]
    assert order != sorted(order)
    assert set(order) == {0, 1}


def test_what_is_brought_was_handed_over_before(told: dict[str, Trace]) -> None:
    for trace in told.values():
        known = set()
        for fact in trace.facts:
            if isinstance(fact, HandedOver):
                assert fact.transmission not in known
                known.add(fact.transmission)
            elif isinstance(fact, Brought):
                assert fact.transmission in known


def test_worlds_of_one_run_have_the_same_shape(told: dict[str, Trace]) -> None:
    trace, scheme = told["trouble"], DESIGNED[0]
    as_it_is = observe(trace.facts, scheme, AS_IT_IS)
    for relation in Relation:
        apart = observe(trace.facts, scheme, World(relation))
        assert {place: [label for label, _ in view] for place, view in apart.items()} == {
            place: [label for label, _ in view] for place, view in as_it_is.items()
        }
    assert {place.role for place in as_it_is} == set(Role)


def test_each_world_apart_changes_something(told: dict[str, Trace]) -> None:
    trace, scheme = told["retransmission"], Scheme("no TLS", "two-layer/1", frozenset({"no TLS"}))
    as_it_is = observe(trace.facts, scheme, AS_IT_IS)
    for relation in Relation:
        assert observe(trace.facts, scheme, World(relation)) != as_it_is


def test_nobody_sees_a_directory_that_is_not_there(told: dict[str, Trace]) -> None:
    assert Place(Role.DIRECTORY, 0) not in observe(told["silence"].facts, DESIGNED[0], AS_IT_IS, named=False)


# ---------------------------------------------------------------------- as designed
@pytest.mark.parametrize("scheme", DESIGNED, ids=lambda scheme: scheme.profile)
@pytest.mark.parametrize("name", STORIES)
def test_nothing_forbidden_is_learnt(scheme: Scheme, name: str, told: dict[str, Trace]) -> None:
    # KNOW-1 to KNOW-8, KNOW-13 to KNOW-15
    verdicts = judge(scheme, [told[name]], permitted=False)
    assert [(v.party, v.relation, v.link) for v in verdicts if v.link] == []


@pytest.mark.parametrize("scheme", DESIGNED, ids=lambda scheme: scheme.profile)
def test_nothing_forbidden_is_learnt_on_random_walks(scheme: Scheme) -> None:
    verdicts = judge(scheme, walks(3, 60, 7), permitted=False)
    assert [(v.party, v.relation, v.link) for v in verdicts if v.link] == []


@pytest.mark.parametrize("scheme", DESIGNED, ids=lambda scheme: scheme.profile)
def test_every_row_and_relation_of_the_table_has_a_verdict(scheme: Scheme, told: dict[str, Trace]) -> None:
    verdicts = judge(scheme, [told["brief"]])
    assert [(v.party, v.relation) for v in verdicts] == [(row.party, r) for row in KNOWLEDGE for r in Relation]
    learnt = {(v.party, v.relation) for v in verdicts if v.link}
    assert ((Role.RECEIVING,), Relation.SAME_RELATIONSHIP) in learnt
    assert ((Role.CORRESPONDENT,), Relation.SAME_MESSAGE) in learnt
    assert ((Role.AUTHORIZATION,), Relation.SAME_ACCOUNT) in learnt
    assert ((Role.DIRECTORY,), Relation.SAME_NAME) in learnt


@pytest.mark.parametrize("scheme", DESIGNED, ids=lambda scheme: scheme.profile)
def test_receiving_services_together_do_not_tell_two_roots_of_one_relationship(
    scheme: Scheme, told: dict[str, Trace]
) -> None:
    # KNOW-3
    assert [tells_roots(trace, scheme, counting) for trace in told.values() for counting in Counting] == [None] * 18


@pytest.mark.parametrize("fault", ["header in clear", "opening in clear", "same bytes again"])
def test_receiving_services_would_tell_two_roots_of_one_relationship(fault: str, told: dict[str, Trace]) -> None:
    scheme = Scheme(fault, "two-layer/1", frozenset({fault}))
    links = [link for trace in told.values() if (link := tells_roots(trace, scheme))]
    assert links
    assert {len(link.places) for link in links} == {2}


@pytest.mark.parametrize("scheme", DESIGNED, ids=lambda scheme: scheme.profile)
def test_no_captured_request_carries_other_bytes(scheme: Scheme, told: dict[str, Trace]) -> None:
    assert forge(scheme, [*told.values()]) is None  # ADDR-12, ADDR-20


def test_what_is_brought_twice_is_stored_once() -> None:
    assert stored_copies(takes_twice=False) == 1


# ---------------------------------------------------------------------- as drafted, and weakened
def test_the_weaknesses_of_the_drafts_are_found_again(told: dict[str, Trace]) -> None:
    lines = drafted_threats([*told.values()])
    assert [line.relation.split(":")[0] for line in lines] == ["T1", "T5", "T6", "T3", "T4"]
    assert all(line.expected for line in lines), lines
    by_threat = {line.relation[:2]: line for line in lines}
    assert "recover(" in by_threat["T1"].recipe
    assert "own inner secret" in by_threat["T5"].recipe
    assert "peer's first set" in by_threat["T6"].recipe
    assert by_threat["T3"].party == Role.SENDING


def test_who_reads_a_root_is_the_smallest_party_in_the_drafts(told: dict[str, Trace]) -> None:
    found = minimal(judge(DRAFTED_SCHEME, [told["brief"]], permitted=False))
    assert {(v.party, v.relation) for v in found} == {
        ((Role.RECEIVING,), Relation.SAME_PERSON),
        ((Role.CORRESPONDENT, Role.CORRESPONDENT), Relation.SAME_PERSON),
    }


@pytest.mark.parametrize("weakening", WEAKENINGS, ids=lambda weakening: weakening.scheme.name)
def test_a_weakening_has_exactly_its_consequences(weakening: Weakening, told: dict[str, Trace]) -> None:
    lines = weakened(weakening, told["brief"])
    assert all(line.expected for line in lines), lines
    harmful = [line for line in lines if line.outcome in ("linked", "forged")]
    assert len(harmful) == len(weakening.breaches) + weakening.forges
    assert all(line.recipe for line in harmful)


def test_weakenings_are_many_and_most_do_harm() -> None:
    assert len({weakening.name for weakening in WEAKENINGS if weakening.breaches or weakening.forges}) >= 10
    assert {profile for _, profile, *_ in WEAKENINGS} == {"two-layer/1", "label/1"}


def test_a_sequence_is_seen_only_if_numbers_are_counts(told: dict[str, Trace]) -> None:
    scheme = Scheme("position visible", "label/1", frozenset({"position visible"}))
    (verdict,) = minimal(judge(scheme, [told["brief"]], permitted=False))
    assert verdict.link is not None
    assert verdict.link.counting is Counting.OWN
    assert "next(" in verdict.link.recipe


def test_equal_small_numbers_are_seen_only_if_they_are_constants(told: dict[str, Trace]) -> None:
    scheme = Scheme("one root secret", "label/1", frozenset({"one root secret"}))
    found = minimal(judge(scheme, [told["brief"]], permitted=False))
    assert {v.link.counting for v in found if v.link} == {Counting.PUBLIC}


# ---------------------------------------------------------------------- the command
def test_the_command_fails_if_something_is_not_as_it_should_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = Line("label/1", "sending service", "same person", "unlinkable", True)
    bad = Line("label/1", "network", "same person", "linked", False, "brief", "x1 = x2")
    monkeypatch.setattr(command, "report", lambda more: Report(("brief",), (good,)))
    assert command.main([]) == 0
    assert "label/1 | sending service | same person | unlinkable" in capsys.readouterr().out
    monkeypatch.setattr(command, "report", lambda more: Report(("brief",), (good, bad)))
    assert command.main(["--json"]) == 1
    assert '"recipe": "x1 = x2"' in capsys.readouterr().out
    assert command.main([]) == 1
    assert "linked by x1 = x2  ← NOT AS EXPECTED" in capsys.readouterr().out


@pytest.mark.slow
def test_witnesses_do_not_depend_on_the_seed_of_hashes() -> None:
    code = (
        "from communicator_spec.formal.unlinkability import *\n"
        "from communicator_spec.formal.unlinkability.traces import story\n"
        "runs = [story('brief'), *walks(1, 30, 3)]\n"
        "weak = Scheme('weak', 'label/1', frozenset({'one receipt', 'position visible'}))\n"
        "print([repr(v) for v in judge(weak, runs, permitted=False)])\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1")
    }
    assert len(outputs) == 1
    assert b"same person" in outputs.pop()


def test_a_story_that_is_not_told_is_an_error() -> None:
    with pytest.raises(KeyError):
        story("none")
