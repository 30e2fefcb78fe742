"""The terms of the standard hold together, and what contradicts itself is refused with both names."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_spec.parameters import PARAMETERS
from communicator_spec.policies import Terms
from communicator_spec.terms import TermsError, changed, check_terms, standard_terms

PROFILES = ("label/1", "two-layer/1")
TERMS = standard_terms()
EPHEMERAL_MAX_MS = PARAMETERS.address.lifetime_ephemeral_s_max * 1000
LONG_TERM_MAX_MS = PARAMETERS.address.lifetime_long_term_s_max * 1000 - 3_600_000


@pytest.mark.parametrize("profile", PROFILES)
def test_the_standard_does_not_contradict_itself(profile: str) -> None:
    assert check_terms(standard_terms(profile)) == standard_terms(profile)


def test_profiles_differ_in_how_many_addresses_a_grant_yields() -> None:
    label, two_layer = map(standard_terms, PROFILES)
    differing = {name for name in Terms.__struct_fields__ if getattr(label, name) != getattr(two_layer, name)}
    assert differing == {"long_term_capacity", "ephemeral_capacity"}
    assert two_layer.ephemeral_capacity == PARAMETERS.address.batch_ephemeral


def test_times_are_the_parameters_in_milliseconds() -> None:
    assert TERMS.long_term_lifetime_ms == PARAMETERS.state.long_term_lifetime_s * 1000
    assert TERMS.queue_lifetime_ms == PARAMETERS.delivery.queue_lifetime_s * 1000
    assert TERMS.ranges_max == PARAMETERS.envelope.received_ranges_max


def test_other_parameters_give_other_terms() -> None:
    state = msgspec.structs.replace(PARAMETERS.state, receiving_services_min=3)
    assert standard_terms("label/1", msgspec.structs.replace(PARAMETERS, state=state)).receiving_services == 3


@pytest.mark.parametrize(
    ("shorter", "longer"),
    [
        ("long_term_refresh", "long_term_lifetime"),
        ("ephemeral_refresh", "ephemeral_lifetime"),
        ("ephemeral_lifetime", "long_term_lifetime"),
        ("receipt_delay_max", "escalate_after"),
        ("escalate_after", "message_lifetime"),
    ],
)
def test_what_must_be_shorter_is_named_with_what_must_be_longer(shorter: str, longer: str) -> None:
    with pytest.raises(TermsError) as caught:
        changed(TERMS, **{f"{shorter}_ms": getattr(TERMS, f"{longer}_ms")})
    message = str(caught.value)
    assert message.startswith(f"{shorter} (")
    assert f"must be shorter than {longer} (" in message
    assert message.endswith(" h)")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("receiving_services", 0, "receiving_services must be at least 1, not 0"),
        ("sending_services", 0, "sending_services must be at least 1"),
        ("ranges_max", 0, "ranges_max must be at least 1"),
        ("queue_lifetime_ms", -1, "queue_lifetime_ms must not be negative"),
        ("long_term_lifetime_ms", 0, "long_term_lifetime must be positive"),
        ("receipt_delay_min_ms", 1 << 40, "receipt_delay_min exceeds receipt_delay_max"),
        ("retry_min_ms", 0, "retry_min must be positive"),
        ("retry_min_ms", 1 << 40, "at most retry_max"),
        ("ephemeral_lifetime_ms", EPHEMERAL_MAX_MS + 1, "ephemeral_lifetime .* must be at most 744 h"),  # STATE-31
        ("long_term_lifetime_ms", LONG_TERM_MAX_MS + 1, "long_term_lifetime .* must be at most 9503 h"),
    ],
)
def test_impossible_value_is_named(name: str, value: int, said: str) -> None:
    with pytest.raises(TermsError, match=said):
        changed(TERMS, **{name: value})


@pytest.mark.parametrize(
    ("name", "value"), [("ephemeral_lifetime_ms", EPHEMERAL_MAX_MS), ("long_term_lifetime_ms", LONG_TERM_MAX_MS)]
)
def test_the_longest_permitted_life_is_permitted(name: str, value: int) -> None:
    assert getattr(changed(TERMS, **{name: value}), name) == value


def test_no_ephemeral_addresses_at_all_is_possible() -> None:
    terms = changed(TERMS, ephemeral_lifetime_ms=0)
    assert terms.ephemeral_refresh_ms == TERMS.ephemeral_refresh_ms


@given(st.sampled_from(Terms.__struct_fields__), st.integers(-10, 1 << 45))
def test_a_change_is_taken_as_it_is_or_refused(name: str, value: int) -> None:
    wanted = bool(value % 2) if name == "announces" else value
    tried = msgspec.structs.replace(TERMS, **{name: wanted})
    if _is_accepted(tried):
        assert changed(TERMS, **{name: wanted}) == tried
    else:
        with pytest.raises(TermsError, match=name.removesuffix("_ms")):
            check_terms(tried)


def _is_accepted(terms: Terms) -> bool:
    try:
        check_terms(terms)
    except TermsError:
        return False
    return True
