"""A conversation over real services, one of which is killed: its event logs are judged, and falsified ones refused."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from tests.patience import PATIENCE_S
from tests.services.meeting import Book, Device, go_on, meet
from tests.services.owning import LabelOwner, accept, body, config_of, settled
from tests.services.running import Service
from tests.services.test_sending import FAST

from communicator_impl.particle_fields import Setting
from communicator_impl.services.database import Database
from communicator_impl.services.events import exported
from communicator_spec import Kind, Monitors, Terms, Violation
from communicator_spec.places import PlaceError, merged
from communicator_spec.terms import changed, standard_terms

ON = {"COMMUNICATOR_SERVICE_EVENT_LOG": "true"}
MESSAGES = 8
Files = dict[str, list[str]]


def quick() -> Terms:
    """Return the standard's terms, with receipts and escalations in the time of a test."""
    return changed(
        standard_terms("two-layer/1"), receipt_delay_min_ms=20, receipt_delay_max_ms=60, escalate_after_ms=3_600_000
    )


def lines_of(service: Service) -> list[str]:
    database = Database(service.database)
    with database.reading() as connection:
        found = list(exported(connection))
    database.close()
    return found


def judged(files: Files, *, is_settled: bool = True) -> list[Violation]:
    found = merged(files.items())
    monitors = Monitors(quick(), settled=is_settled)
    monitors.feed_all(found.rows)
    return monitors.finish(found.rows[-1][0], found.rows)


class Walk(NamedTuple):
    """What a conversation left: the logs of all places, and what was seen of the fault."""

    files: Files
    delivered: list[list[bytes]]
    written: list[list[bytes]]
    unanswered: int
    killed_with: int


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """Let two people talk over two receiving and two sending services, and kill one of the receiving ones twice."""
    folder = tmp_path_factory.mktemp("walk")
    receiving = [Service(folder, "receiving", settings=ON) for _ in range(2)]
    sending = [Service(folder, "sending", settings={**FAST, **ON}) for _ in range(2)]
    for service in (*receiving, *sending):
        service.start()
    book = Book([service.uri for service in receiving], [service.uri for service in sending])
    book.learn()
    devices = [Device(end, quick(), book) for end in (0, 1)]
    try:
        meet(devices[0], devices[1], (Setting((0, 1), (0, 1)), Setting((0, 1), (1, 0))))
        return conversation(devices, receiving, sending)
    finally:
        for device in devices:
            device.close()
        for service in (*receiving, *sending):
            service.__exit__(None, None, None)


def conversation(devices: list[Device], receiving: list[Service], sending: list[Service]) -> Walk:
    written: list[list[bytes]] = [[], []]
    killed_with = 0

    def everything() -> Files:
        services = {service.uri: lines_of(service) for service in (*receiving, *sending)}
        return {**services, **{f"device {device.end}": device.lines for device in devices}}

    def is_quiet() -> bool:
        known = all(d.seen.acknowledged == len(written[d.end]) for d in devices)
        return known and not judged(everything())

    for number in range(MESSAGES):
        for device in devices:
            written[device.end].append(device.write(number))
            device.turn()
        if number % 3 == 1:  # with requests that it took, and more on their way
            killed_with += len(lines_of(receiving[0]))
            receiving[0].kill()
            for device in devices:
                device.turn()
            receiving[0].start()
    assert go_on(devices, is_quiet), f"{[str(v) for v in judged(everything())][:5]}"
    unanswered = sum(device.seen.unanswered for device in devices)
    return Walk(everything(), [d.seen.delivered for d in devices], written, unanswered, killed_with)


# -------------------------------------------------------------------- what was judged


def test_a_conversation_with_a_killed_service_is_clean(walk: Walk) -> None:  # RECV-1, SVC-8
    assert walk.unanswered > 0, "the fault was seen"
    assert walk.killed_with > 0
    for end in (0, 1):
        assert sorted(walk.delivered[end]) == sorted(walk.written[1 - end])
    assert judged(walk.files) == []
    counts = Counter(Kind(row[1]) for row in merged(walk.files.items()).rows)
    assert counts[Kind.ACCEPTED] == counts[Kind.DELIVERED] == counts[Kind.ACKNOWLEDGED] == 2 * MESSAGES
    assert counts[Kind.SENT] == counts[Kind.FORWARDED] == counts[Kind.STORED] == counts[Kind.CONFIRMED]
    assert counts[Kind.TAKEN] == counts[Kind.FORWARDED] + counts[Kind.STORED] + counts[Kind.REFUSED]


def falsified(walk: Walk) -> Iterator[tuple[str, Files]]:
    """Change one row of one service in each way that matters."""
    for name in [name for name in walk.files if not name.startswith("device")]:
        lines = walk.files[name]
        for place, line in enumerate(lines):
            before, after = lines[:place], lines[place + 1 :]
            other = {**json.loads(line), "id": json.loads(line)["id"]}
            kind = other["kind"]
            yield f"{kind} removed", {**walk.files, name: before + after}
            yield f"{kind} twice", {**walk.files, name: [*before, line, *_later(line, 0), *after]}
            wrong = "message" if "message" in other else "position"
            other[wrong] += 1 << 50
            yield f"{kind} with another {wrong}", {**walk.files, name: [*before, json.dumps(other), *after]}
            if kind not in ("TAKEN", "FETCHED"):
                yield f"{kind} first", {**walk.files, name: _first(line) + before + after}


def _later(line: str, by: int) -> list[str]:
    """Return the row once more, renumbered so that only its content gives it away."""
    return [json.dumps({key: value for key, value in json.loads(line).items() if key != "id"})]


def _first(line: str) -> list[str]:
    found = {key: value for key, value in json.loads(line).items() if key != "id"}
    return [json.dumps({**found, "at_us": 0})]


def is_refused(files: Files) -> bool:
    try:
        return bool(judged(files))
    except PlaceError:
        return True


def test_falsified_logs_are_refused(walk: Walk) -> None:
    believed = Counter(what for what, files in falsified(walk) if not is_refused(files))
    repeatable = {"FETCHED twice", "FETCHED removed"}  # a device may fetch twice, and then once is enough
    assert set(believed) <= repeatable, believed


def test_rows_out_of_their_order_are_refused(walk: Walk) -> None:
    name = next(iter(walk.files))
    swapped = [walk.files[name][1], walk.files[name][0], *walk.files[name][2:]]
    with pytest.raises(PlaceError, match="not in the order of its place"):
        merged({**walk.files, name: swapped}.items())


def test_a_root_that_nobody_named_is_refused(walk: Walk) -> None:
    without = {name: lines for name, lines in walk.files.items() if name != "device 0"}
    with pytest.raises(PlaceError, match="no device named"):
        merged(without.items())


# -------------------------------------------------------------------- the switch


def test_nothing_is_written_unless_it_is_asked_for(tmp_path: Path) -> None:
    with Service(tmp_path, "receiving") as service, service.client() as client:
        owner = LabelOwner(config_of(client, service.uri)).register(client)
        assert accept(client, owner.request(0, body(0))) == 202
        assert len(settled(client, owner, 1)) == 1
        assert lines_of(service) == []
        assert "EVENT LOG" not in service.log.read_text()


def test_a_stranger_learns_nothing_of_the_log_and_the_operator_is_warned(tmp_path: Path) -> None:
    with Service(tmp_path, "receiving", settings=ON) as service:
        document = httpx.get(f"{service.base}/.well-known/communicator.json", timeout=PATIENCE_S)
        assert "event" not in document.text
        assert "EVENT LOG IS ON" in service.log.read_text()


def test_the_commands_export_and_judge(walk: Walk, tmp_path: Path) -> None:
    paths = []
    for number, lines in enumerate(walk.files.values()):
        paths.append(tmp_path / f"{number}.jsonl")
        paths[-1].write_text("\n".join(lines) + "\n")
    command = (sys.executable, "-c", "from communicator_reports.cli import main; main()", "judge")
    clean = subprocess.run([*command, *map(str, paths), "--settled"], capture_output=True, text=True, check=False)
    assert clean.returncode == 0, clean.stdout + clean.stderr
    paths[0].write_text("\n".join(next(iter(walk.files.values()))[:-1]) + "\n")
    broken = subprocess.run([*command, *map(str, paths), "--settled"], capture_output=True, text=True, check=False)
    assert broken.returncode == 1, broken.stdout
