"""Fetching a file: by services first, by oneself only if the person agrees, and never for a stranger."""

import pytest

from communicator_impl.content import Attachment, Location
from communicator_impl.errors import InputError
from communicator_impl.retrieval import DIRECTLY, Advice, Attempt, Retrieval
from communicator_spec.errors import ErrorClass

NOW, DAY = 1_767_225_600, 86_400


def file(*days: int) -> Attachment:
    return Attachment(9, tuple(Location(f"https://{d}", b"k" * 32, b"d" * 32, NOW + d * DAY) for d in days), "a/b")


def begun(*days: int, proxies: tuple[int, ...] = (4, 5)) -> Retrieval:
    return Retrieval.begin(file(*days), proxies, agreed=True)


def attempts(retrieval: Retrieval, now_s: int = NOW) -> tuple[list[Attempt], Retrieval]:
    """Let every attempt fail until there is none; return all of them."""
    made: list[Attempt] = []
    while (attempt := retrieval.advice(now_s).attempt) is not None:
        assert attempt not in made
        made.append(attempt)
        retrieval = retrieval.failed(attempt)
    return made, retrieval


def test_services_fetch_before_the_person_is_asked() -> None:
    made, retrieval = attempts(begun(1, 2))
    assert made == [Attempt(0, 4), Attempt(1, 4), Attempt(0, 5), Attempt(1, 5)]  # ATT-15
    assert retrieval.advice(NOW) == Advice(ask=True)


def test_the_device_connects_by_itself_only_if_the_person_agrees() -> None:
    _, retrieval = attempts(begun(1))
    made, after = attempts(retrieval.answered(directly=True))
    assert made == [Attempt(0, DIRECTLY)]
    assert after.advice(NOW) == Advice(lost=True)
    assert retrieval.answered(directly=False).advice(NOW) == Advice(lost=True)  # ATT-17


def test_without_a_service_that_fetches_the_person_is_asked_at_once() -> None:
    assert begun(1, proxies=()).advice(NOW) == Advice(ask=True)


def test_a_place_that_has_ended_is_not_tried() -> None:
    made, _ = attempts(begun(1, 3, proxies=(4,)), NOW + DAY)
    assert made == [Attempt(1, 4)]
    assert begun(1, 3).advice(NOW + 3 * DAY) == Advice(lost=True)  # ATT-17: nobody is asked for nothing


def test_nothing_of_a_stranger_is_fetched() -> None:
    assert Retrieval.begin(file(1), (4,), agreed=True).advice(NOW).attempt
    with pytest.raises(InputError) as caught:
        Retrieval.begin(file(1), (4,), agreed=False)  # ATT-16
    assert caught.value.error_class is ErrorClass.REFUSED
