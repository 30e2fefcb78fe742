"""A message with files leaves when they are stored, and not before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_impl.content import Location, decode_content
from communicator_impl.errors import InputError
from communicator_impl.upload import COPIES, Draft, FileToSend, Upload
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

NOW, DAY = 1_767_225_600, 86_400
A = PARAMETERS.attachment
LAKE = FileToSend(9, "image/jpeg", "lake.jpg")


def begun(files: int = 1, senders: tuple[int, ...] = (0, 1, 2)) -> Draft:
    return Draft.begin("text/plain", b"look", [LAKE] * files, senders)


def place(upload: Upload, until_s: int = NOW + DAY) -> Location:
    key = bytes([upload.file, upload.service]) * 16
    return Location(f"https://{upload.service}.example/{upload.file}", key, key, until_s)


def listed(draft: Draft) -> list[list[str]]:
    content = draft.content(NOW)
    assert content is not None
    return [[location.uri for location in a.locations] for a in decode_content(content).attachments]


def refusal(draft: Draft, now_s: int = NOW) -> ErrorClass:
    with pytest.raises(InputError) as caught:
        draft.content(now_s)
    return caught.value.error_class


def test_a_file_goes_to_two_services_before_the_message_leaves() -> None:
    draft = begun()
    assert draft.due() == (Upload(0, 0), Upload(0, 1))  # ATT-14
    assert draft.content(NOW) is None  # ATT-13
    draft = draft.stored(Upload(0, 1), place(Upload(0, 1)))
    assert draft.content(NOW) is None
    draft = draft.stored(Upload(0, 0), place(Upload(0, 0)))
    assert listed(draft) == [["https://1.example/0", "https://0.example/0"]]


def test_a_service_that_fails_is_replaced_and_one_place_is_enough_in_the_end() -> None:
    draft = begun().failed(Upload(0, 0))
    assert draft.due() == (Upload(0, 1), Upload(0, 2))
    draft = draft.stored(Upload(0, 1), place(Upload(0, 1))).failed(Upload(0, 2))
    assert listed(draft) == [["https://1.example/0"]]


def test_a_service_that_does_not_answer_comes_last_and_is_not_given_up() -> None:
    draft = begun().postponed(Upload(0, 0))
    assert draft.due() == (Upload(0, 1), Upload(0, 2))
    draft = draft.postponed(Upload(0, 1)).postponed(Upload(0, 2))
    assert draft.due() == (Upload(0, 0), Upload(0, 1))
    assert draft.enough() == draft  # without a place nothing is enough (ATT-13)
    assert draft.content(NOW) is None
    draft = draft.stored(Upload(0, 1), place(Upload(0, 1))).enough()
    assert draft.due() == ()
    assert listed(draft) == [["https://1.example/0"]]


def test_a_message_whose_file_is_nowhere_does_not_leave() -> None:
    draft = begun(senders=(0,)).failed(Upload(0, 0))
    assert draft.due() == ()
    assert refusal(draft) is ErrorClass.EXPIRED  # ATT-13
    stored = begun(senders=(0,)).stored(Upload(0, 0), place(Upload(0, 0)))
    assert listed(stored) == [["https://0.example/0"]]
    assert refusal(stored, NOW + DAY) is ErrorClass.EXPIRED  # it waited too long


def test_a_message_without_files_leaves_at_once() -> None:
    assert listed(begun(files=0)) == []


def test_two_uploads_never_share_a_key() -> None:
    first, second = Upload(0, 0), Upload(0, 1)
    draft = begun().stored(first, place(first))
    with pytest.raises(InputError) as caught:
        draft.stored(second, place(first))  # ATT-3
    assert caught.value.error_class is ErrorClass.REFUSED
    assert listed(draft.stored(second, place(second)))


def test_what_can_never_be_sent_is_refused_at_the_beginning() -> None:
    assert begun(files=A.per_message_max).due()
    with pytest.raises(InputError):
        begun(files=A.per_message_max + 1)  # ATT-12
    assert Draft.begin("a/b", b"", [FileToSend(A.file_bytes_max, "a/b")], (0,)).due()
    with pytest.raises(InputError) as caught:
        Draft.begin("a/b", b"", [FileToSend(A.file_bytes_max + 1, "a/b")], (0,))
    assert caught.value.error_class is ErrorClass.TOO_LARGE  # ATT-4


def test_an_answer_to_nothing_is_refused() -> None:
    for upload in (Upload(0, 2), Upload(1, 0)):
        with pytest.raises(InputError):
            begun().failed(upload)


@given(st.integers(0, 4), st.integers(0, 4), st.data())
def test_the_content_names_what_is_stored_whatever_fails(files: int, services: int, data: st.DataObject) -> None:
    draft = begun(files, tuple(range(services)))
    places: dict[int, list[str]] = {n: [] for n in range(files)}
    while draft.due():
        assert draft.content(NOW) is None  # ATT-13
        upload = data.draw(st.sampled_from(draft.due()))
        if data.draw(st.booleans()):
            draft = draft.stored(upload, place(upload))
            places[upload.file].append(place(upload).uri)
        else:
            draft = draft.failed(upload)
    assert all(len(found) <= COPIES for found in places.values())
    if all(places.values()):
        assert listed(draft) == list(places.values())
    else:
        assert refusal(draft) is ErrorClass.EXPIRED
