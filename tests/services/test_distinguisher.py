"""What a stranger learns from answers and from their times: nothing, and what is planted is found."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.services import leaks
from tests.services.distinguisher import FAMILIES, LIMIT, Found, measured
from tests.services.running import Service


def statuses(found: Found) -> set[bytes]:
    return {answer[:12] for answer in found.answers}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_answers_are_alike_in_bytes_and_in_time(tmp_path: Path, family: str) -> None:  # ENV-8, RECV-3, SVC-20
    kinds = {"two-layer": ("valid", "spent", "garbage"), "label": FAMILIES["label"][:2]}.get(family, FAMILIES[family])
    with Service(tmp_path, "receiving") as service:
        found = measured(service, kinds, {"two-layer": 500, "label": 100}.get(family, 500), 7)
    assert len(found.answers) == 1
    assert statuses(found) == ({b"HTTP/1.1 401"} if family == "fetch" else {b"HTTP/1.1 202"})
    assert found.leaks(LIMIT, miss=1e-7) == []


def test_every_kind_gets_the_same_bytes(tmp_path: Path) -> None:  # ENV-8, ENV-12
    with Service(tmp_path, "receiving") as service:
        found = measured(service, (*FAMILIES["two-layer"], *FAMILIES["label"]), 8, 7)
        service.resolves()
        resolved = service.metrics()
    assert len(found.answers) == 1
    stored = resolved["communicator_messages_stored_total"]
    assert stored >= 2 * 8  # the valid ones are, and some of the spares of each block
    for name in ("forged", "expired", "replayed", "unknown"):
        assert resolved[f'communicator_messages_not_resolved_total{{error="{name}"}}'] >= 8


@pytest.mark.slow
@pytest.mark.parametrize("leak", [leaks.sleeps_when_invalid, leaks.answers_after_resolving])
def test_a_planted_leak_is_found(tmp_path: Path, leak: Callable[[], None]) -> None:
    running = Service(tmp_path, "receiving", command=leaks.command(leak), settings=leaks.environment())
    with running as service:
        for attempt in range(6):  # a machine with other work needs more samples
            found = measured(service, ("valid", "garbage"), 200 << attempt, attempt)
            if found.leaks():
                break
    assert len(found.answers) == 1
    assert found.leaks()
