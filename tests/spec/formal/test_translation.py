"""What the translation refuses, and what it promises of the code that it writes."""

import msgspec
import pytest
from tests.spec.formal.texts import channel, checked, source, text

from communicator_spec.formal import generated, ir
from communicator_spec.formal.checks import load
from communicator_spec.formal.resolve import Untranslatable
from communicator_spec.formal.toolchain import digests
from communicator_spec.formal.translate import translate


def translated(old: bytes, new: bytes, name: str = "channel", observed: tuple[str, ...] = ("rows",)) -> str:
    """Translate a text in which something was replaced."""
    data = checked(name)
    assert old in data
    return translate(ir.read(data.replace(old, new)), {}, observed)


def test_unknown_operators_are_refused() -> None:
    with pytest.raises(Untranslatable, match="the operator chooseSome"):
        translated(b'"opcode":"union"', b'"opcode":"chooseSome"')


def test_unknown_forms_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="temporal"):
        ir.read(checked("channel").replace(b'"kind":"lambda"', b'"kind":"temporal"'))


def test_reading_what_is_only_observed_is_refused() -> None:
    with pytest.raises(Untranslatable, match="reads arrived, which is an output"):
        translated(b"{", b"{", observed=("arrived",))


def test_observing_what_does_not_exist_is_refused() -> None:
    with pytest.raises(Untranslatable, match="no such variables to observe: seen"):
        translated(b"{", b"{", observed=("seen",))


def test_a_text_without_one_constant_is_refused() -> None:
    program = ir.read(checked("channel"))
    world = next(d for m in program.modules for d in m.declarations if isinstance(d, ir.Constant))
    modules = tuple(
        msgspec.structs.replace(m, declarations=tuple(d for d in m.declarations if d is not world))
        for m in program.modules
    )
    with pytest.raises(Untranslatable, match="0 constants"):
        translate(msgspec.structs.replace(program, modules=modules), {}, ("rows",))


def test_two_picks_of_one_name_are_refused() -> None:
    with pytest.raises(Untranslatable, match="two choices named n"):
        translated(b'"name":"lost","qualifier":"nondet"', b'"name":"n","qualifier":"nondet"')


def test_a_branch_that_sets_too_little_is_refused() -> None:
    program = ir.read(checked("channel"))
    text_ = msgspec.json.encode(program).replace(b'"opcode":"assign"', b'"opcode":"eq"', 1)
    with pytest.raises(Untranslatable, match="does not set"):
        translate(ir.read(text_), {}, ("rows",))


def test_observed_variables_come_last_and_make_no_difference() -> None:
    model = channel()
    assert model.fields == ("submitted", "waiting", "arrived", "rows")
    state = model.init()
    assert model.key(state) == model.key(state._replace(rows=("other",)))
    assert model.observes("tellsTheTruth")
    assert not model.observes("exactlyOnce")


def test_an_action_is_taken_by_its_name_and_picks() -> None:
    model = channel()
    state = model.take(model.init(), "submits", {})
    assert state is not None
    after = model.take(state, "carries", {"n": 0, "lost": False})
    assert after is not None
    assert after.arrived == (0,)
    assert model.take(state, "carries", {"n": 1, "lost": False}) is None
    assert model.take(after, "carries", {}) is None
    assert len(model.candidates(state, "carries", {})) == 2
    with pytest.raises(KeyError):
        model.take(state, "flies", {})


def test_steps_carry_their_action_and_picks_in_order() -> None:
    model = channel()
    state = model.take(model.init(), "submits", {})
    assert state is not None
    assert [(step.action, step.picks) for step in model.steps(state)] == [
        ("submits", ()),
        ("carries", (("n", 0), ("lost", False))),
        ("carries", (("n", 0), ("lost", True))),
    ]


def test_worlds_of_the_instances_are_there() -> None:
    assert text("channel").WORLDS == {"two": (2, True, "none")}


def test_a_local_definition_is_evaluated_once() -> None:
    code = source("operators")
    assert code.count("k = n + m") == 1


def test_committed_model_is_of_these_texts() -> None:
    assert digests() == generated.SOURCES
    assert load().text.observed == generated.OBSERVED
