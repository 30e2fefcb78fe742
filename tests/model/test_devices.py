"""Devices: longer traces, fitted processes, several of one person."""

import json
from pathlib import Path

import pytest

from communicator_model.devices import FLASH_FILE, Cycle, OnOff, Several, flash, main, on_off, renewal, several
from communicator_model.laws import law_of
from communicator_model.phones import DAY_MS, Absence, Interrupted, PhoneError, Phones, Schedule
from communicator_model.traces import BESIDE

MINUTE_MS = 60_000
MORNING = Schedule.of([(6 * 3600, 12 * 3600)])
EVENING = Schedule.of([(18 * 3600, 20 * 3600)])


def test_a_cycle_repeats_after_its_period() -> None:
    cycle = Cycle.over([(100, 200), (500, 1000)], 1500)
    times = [0, 100, 199, 200, 700, 1000, 1500, 1650, 1700]
    assert [cycle.next_online(t) for t in times] == [100, 100, 199, 500, 700, 1600, 1600, 1650, 2000]
    assert cycle.online_share == pytest.approx(0.4)
    assert [cycle.next_online(t + 1500 * 1000) - 1500 * 1000 for t in times] == [cycle.next_online(t) for t in times]


@pytest.mark.parametrize("intervals", [[], [(5, 5)], [(5, 8), (7, 9)], [(-1, 4)], [(5, 11)]])
def test_intervals_that_are_none_are_refused(intervals: list[tuple[int, int]]) -> None:
    with pytest.raises(PhoneError, match="rising"):
        Cycle.over(intervals, 10)


def test_several_devices_are_reachable_when_any_is() -> None:
    both = Several.of_all([MORNING, EVENING])
    hours = [both.next_online(hour * 3_600_000) // 3_600_000 for hour in (3, 7, 12, 19, 21)]
    assert hours == [6, 7, 18, 19, 30]
    assert both.online_share == pytest.approx(8 / 24, abs=0.01)


def test_an_absence_is_one_of_all_devices() -> None:
    away = Interrupted.by(Several.of_all([MORNING, EVENING]), Absence(0, 15 * 3_600_000))
    assert away.next_online(0) == 18 * 3_600_000


def test_as_many_have_a_second_device_as_is_said() -> None:
    phones = several(Phones.synthetic(1), 1, 0.4, 0.5)
    counts = [len(phone.devices) if isinstance(phone, Several) else 1 for phone in phones.schedules]
    assert len(phones) == 1000
    assert counts.count(2) + counts.count(3) == pytest.approx(400, abs=50)
    assert counts.count(3) == pytest.approx(200, abs=40)
    assert (
        phones.digest == several(Phones.synthetic(1), 1, 0.4, 0.5).digest != several(Phones.synthetic(1), 2, 0.4).digest
    )


def test_a_process_is_on_as_long_as_its_laws_say() -> None:
    process = OnOff(law_of("lognormal", 40 * MINUTE_MS, 1.0), law_of("weibull", 20 * MINUTE_MS, 0.6))
    phones = renewal(process, 1, count=60)
    assert phones.online_share == pytest.approx(2 / 3, abs=0.03)
    assert {phone.period_ms for phone in phones.schedules if isinstance(phone, Cycle)} == {28 * DAY_MS}
    assert phones.schedules[:20] == renewal(process, 1, count=20).schedules
    on, off = on_off(phones)
    assert (on[0].law.family, off[0].law.family) == ("lognormal", "weibull")
    assert on[0].distance < 0.02
    assert off[0].distance < 0.02


def watched(**phones: object) -> str:
    return json.dumps(phones)


GOOD = {"isSuccess": True, "trace_start": 1000.0, "trace_end": 1000.0 + 2 * 86_400,
        "ready_time": [[1500, 1500], [2000, 3000], [2900, 4000]]}  # fmt: skip
FAILED: dict[str, object] = {"isSuccess": False, "trace_start": None, "trace_end": None, "ready_time": []}


def test_phones_of_flash(tmp_path: Path) -> None:
    path = tmp_path / "flash.json"
    path.write_text(watched(a=GOOD, b=FAILED, c={**GOOD, "trace_end": 9000.0}, d={**GOOD, "ready_time": []}))
    phones = flash(path)
    assert len(phones) == 1
    assert phones.schedules[0].starts_ms == (500_000, 1_000_000, 500_000 + 2 * DAY_MS)
    assert phones.schedules[0].ends_ms == (501_000, 3_000_000, 501_000 + 2 * DAY_MS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2]", "Expected `object`"),
        ('{"a": {"ready_time": []}}', "isSuccess"),
        (watched(b=FAILED), "no phone in it"),
        (watched(a={**GOOD, "ready_time": [[5000, 6000], [2000, 3000]]}), "phone a are not in order"),
        (watched(a={**GOOD, "trace_start": None}), "nothing says when"),
    ],
)
def test_a_file_that_is_no_flash_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "flash.json"
    path.write_text(text)
    with pytest.raises(PhoneError, match=said):
        flash(path)


def test_the_published_phones_if_they_are_here(capsys: pytest.CaptureFixture[str]) -> None:
    path = BESIDE / FLASH_FILE
    if path.exists():
        phones = flash(path)
        assert len(phones) == 710
        assert phones.online_share == pytest.approx(0.095, abs=0.001)
        main([str(path.parent)])
        said = capsys.readouterr().out
        assert "os15: 546 phones, online 80.0 % of the time" in said
        assert said.count(" KS ") == 16
