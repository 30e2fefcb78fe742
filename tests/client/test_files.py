"""Files beside messages: stored before the message leaves, whatever dies meanwhile, and fetched by others."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import pytest
from tests.client.small_post import URIS, Host, World

from communicator_impl.attachment import MemoryShelf
from communicator_impl.client.files import Listed, listed
from communicator_impl.client.records import Stage
from communicator_impl.client.uploads import Uploads, Waiting
from communicator_impl.content import Content
from communicator_impl.errors import CommunicatorError, InputError
from communicator_impl.upload import Upload
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

FILE: Final = bytes(range(256)) * 300
STEP_MS: Final = 120_000
A_DAY_MS: Final = 86_400_000
Plant = Callable[[pytest.MonkeyPatch], None]


def met(folder: Path) -> tuple[Host, Host, World]:
    """Two people who know each other: the second took up the first one's link."""
    world = World()
    folder.mkdir(exist_ok=True)
    ann, ben = Host(folder / "ann", world, "ann"), Host(folder / "ben", world, "ben")
    _, contact = ann.device.invite("Ben")
    ben.device.approach("Ann", contact)
    ben.device.say(0, "hello")
    turns((ann, ben), world, 3)
    (folder / "lake.jpg").write_bytes(FILE)
    return ann, ben, world


def turns(hosts: Iterable[Host], world: World, count: int, step_ms: int = STEP_MS) -> None:
    for _ in range(count):
        for host in hosts:
            host.turn()
        world.post()
        world.now_ms += step_ms


def of_peer(host: Host) -> list[Listed]:
    return [file for file in listed(host.device.history.messages(0)) if not file.own]


def fetched(host: Host, file: Listed, *, directly: bool = False) -> tuple[bytes | None, str]:
    shelf = MemoryShelf()
    by = host.device.fetch(0, file.attachment, shelf, directly=directly)
    return shelf.file, by


def refusal(host: Host, file: Listed, *, directly: bool = False) -> ErrorClass:
    with pytest.raises(InputError) as caught:
        fetched(host, file, directly=directly)
    return caught.value.error_class


def sent(folder: Path, at: tuple[int, bool] | None) -> tuple[Host, Host, World]:
    """Ann sends a file, and dies once; the world is looked at until it has arrived."""
    ann, ben, world = met(folder)
    ann.deaths.passed, ann.deaths.at = 0, at
    ann.deaths.kinds.clear()
    ann.attach(0, "the lake", folder / "lake.jpg")
    turns((ann, ben), world, 4)
    turns((ann, ben), world, 10, 2 * 3_600_000)
    return ann, ben, world


def check(ann: Host, ben: Host, world: World) -> None:
    (file,) = of_peer(ben)
    assert len(file.attachment.locations) == 2  # ATT-14
    assert {place.uri for place in file.attachment.locations} == world.uploads.keys()  # ATT-13, and none was made twice
    assert len({place.key for place in file.attachment.locations}) == 2  # ATT-3
    assert fetched(ben, file) == (FILE, URIS[0])
    assert ann.device.uploads.all() == {}
    assert [*ann.device.vault.keys("piece/")] == []
    assert [m.state.value for own, _, m in ann.device.history.messages(0) if own] == ["delivered"]


@pytest.mark.slow
def test_a_device_may_die_at_every_point_of_an_upload(tmp_path: Path) -> None:
    hosts = sent(tmp_path / "whole", None)
    count, kinds = hosts[0].deaths.passed, dict(hosts[0].deaths.kinds)
    check(*hosts)
    assert kinds["upload"] == 2
    for number in range(min(count, 24)):
        for after in (False, True):
            hosts = sent(tmp_path / f"{number} {after}", (number, after))
            assert hosts[0].died == 1, number
            check(*hosts)
            for host in hosts[:2]:
                host.close()


def draws_a_key_for_each_attempt(patch: pytest.MonkeyPatch) -> None:
    def with_key(self: Uploads, number: int, waiting: Waiting, upload: Upload) -> tuple[Waiting, bytes]:
        return waiting, self._entropy.draw("attachment.key", 32)

    patch.setattr(Uploads, "_with_key", with_key)


def forgets_the_draft_before_it_is_submitted(patch: pytest.MonkeyPatch) -> None:
    right = Uploads.carry_out

    def carry_out(self: Uploads, number: int, waiting: Waiting) -> bytes | None:
        content = right(self, number, waiting)
        if content is not None:
            self.forget(number)
        return content

    patch.setattr(Uploads, "carry_out", carry_out)


def is_content_with_one_place(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("communicator_impl.client.uploads.COPIES", 1)
    patch.setattr("communicator_impl.upload.COPIES", 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "plant",
    [draws_a_key_for_each_attempt, forgets_the_draft_before_it_is_submitted, is_content_with_one_place],
    ids=lambda plant: plant.__name__,
)
def test_a_planted_mistake_is_found(tmp_path: Path, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    wrong = []
    for number in range(12):
        try:
            check(*sent(tmp_path / f"{number}", (number, True)))
        except (AssertionError, CommunicatorError, ValueError) as error:
            wrong.append(error)
            break
    assert wrong


# -------------------------------------------------------------------- services that do not answer


def test_a_message_waits_until_its_file_is_stored_somewhere(tmp_path: Path) -> None:
    ann, ben, world = met(tmp_path)
    world.down.update(URIS)
    ann.attach(0, "the lake", tmp_path / "lake.jpg")
    (tmp_path / "lake.jpg").unlink()
    turns((ann, ben), world, 3)
    assert ann.device.core.waiting(0) == ()  # ATT-13
    assert not world.uploads
    world.down.discard(URIS[1])
    turns((ann, ben), world, 12, 3_600_000)
    (file,) = of_peer(ben)
    assert [place.uri.startswith(URIS[1]) for place in file.attachment.locations] == [True]
    assert fetched(ben, file) == (FILE, URIS[1])


def test_a_message_whose_file_nobody_takes_fails_where_the_person_sees_it(tmp_path: Path) -> None:
    ann, ben, world = met(tmp_path)
    world.down.update(URIS)
    ann.attach(0, "the lake", tmp_path / "lake.jpg")
    turns((ann,), world, 2)
    world.now_ms += PARAMETERS.delivery.message_lifetime_s * 1000
    turns((ann,), world, 1)
    ((_, waiting),) = ann.device.uploads.all().items()
    assert "answered" in waiting.error
    assert [*ann.device.vault.keys("piece/")] == []
    world.down.clear()
    turns((ann, ben), world, 2)
    assert of_peer(ben) == []


def test_what_can_never_be_sent_is_refused_at_once(tmp_path: Path) -> None:
    ann, _, _ = met(tmp_path)
    text, lake, large = Content("text/plain", b"x" * 2000), tmp_path / "lake.jpg", tmp_path / "large"
    large.write_bytes(bytes(3 * 65_536))
    cases = [
        (text, [(lake, "image/jpeg")] * 8, ErrorClass.TOO_LARGE),
        (text, [(lake, "image/jpeg")] * 9, ErrorClass.MALFORMED),  # ATT-12
        (text, [(large, "image/jpeg")], ErrorClass.TOO_LARGE),  # ATT-9
        (text, [(tmp_path, "image/jpeg")], ErrorClass.UNKNOWN),
        (text, [(tmp_path / "nothing", "image/jpeg")], ErrorClass.UNKNOWN),
    ]
    for content, files, error_class in cases:
        with pytest.raises(InputError) as caught:
            ann.device.attach(0, content, files)
        assert caught.value.error_class is error_class
    assert ann.device.uploads.all() == {}
    assert [*ann.device.vault.keys("piece/")] == []


def test_what_waited_when_a_backup_was_made_is_not_sent_again_by_itself(tmp_path: Path) -> None:
    ann, ben, world = met(tmp_path)
    world.down.update(URIS)
    ann.attach(0, "the lake", tmp_path / "lake.jpg")
    ann.device.restored()
    world.down.clear()
    turns((ann, ben), world, 12, 3_600_000)
    ((_, waiting),) = ann.device.uploads.all().items()
    assert "send it again" in waiting.error
    assert of_peer(ben) == []


# -------------------------------------------------------------------- fetching


def test_the_next_place_is_tried_and_the_person_is_told_when_there_is_none(tmp_path: Path) -> None:
    ann, ben, world = met(tmp_path)
    ann.attach(0, "the lake", tmp_path / "lake.jpg")
    turns((ann, ben), world, 4)
    (file,) = of_peer(ben)
    first, second = (place.uri for place in file.attachment.locations)
    whole = dict(world.uploads)
    world.uploads[first] = whole[first][:-1] + b"x"
    assert fetched(ben, file) == (FILE, URIS[0])
    world.down.add(URIS[0])
    assert fetched(ben, file) == (FILE, URIS[1])
    world.down.clear()
    del world.uploads[second]
    assert refusal(ben, file) is ErrorClass.REFUSED  # ATT-15: the person is asked
    assert refusal(ben, file, directly=True) is ErrorClass.UNKNOWN  # ATT-17
    world.uploads.update(whole)
    world.down.update(URIS)  # nobody fetches, but nobody stores either
    assert refusal(ben, file) is ErrorClass.REFUSED
    world.down.clear()
    world.now_ms += 32 * A_DAY_MS
    assert refusal(ben, file) is ErrorClass.EXPIRED  # ATT-17
    assert of_peer(ben) == [file]


def test_the_device_connects_by_itself_if_the_person_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # ATT-15
    ann, ben, world = met(tmp_path)
    ann.attach(0, "the lake", tmp_path / "lake.jpg")
    turns((ann, ben), world, 4)
    (file,) = of_peer(ben)
    monkeypatch.setattr(type(ben.device.files), "_proxies", lambda _: ())
    assert refusal(ben, file) is ErrorClass.REFUSED
    assert fetched(ben, file, directly=True) == (FILE, URIS[0])


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage.value not in {"answered", "together", "ended"}])
def test_a_strangers_file_is_not_fetched(tmp_path: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, ben, world = met(tmp_path)
    ann.attach(0, "the lake", tmp_path / "lake.jpg")
    turns((ann, ben), world, 4)
    (file,) = of_peer(ben)
    asked: list[str] = []
    monkeypatch.setattr(type(ben.device.courier), "fetch_file", lambda _, uri, *rest: asked.append(uri))
    with pytest.raises(InputError) as caught:
        ben.device.files.fetch(stage, file.attachment, MemoryShelf(), directly=True)  # ATT-16
    assert caught.value.error_class is ErrorClass.REFUSED
    assert asked == []
