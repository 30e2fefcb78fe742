"""Services that take tokens: the client pays for roots, submissions, uploads and files, each token once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.client.two_people import closing, device, go_on, texts
from tests.services import asking
from tests.services.running import Service

from communicator_impl.attachment import MemoryShelf
from communicator_impl.client import Device
from communicator_impl.client.files import listed
from communicator_impl.content import Content
from communicator_impl.errors import InputError
from communicator_impl.services.database import Database
from communicator_impl.services.schema import spent
from communicator_spec import ErrorClass

BATCH = 64
PAID = ("register", "fetch", "submit", "upload")


@contextmanager
def paid_services(folder: Path) -> Iterator[tuple[Service, Service]]:
    """An operator who takes tokens for everything, and one who issues them."""
    allowances = {"COMMUNICATOR_AUTHORIZATION_ALLOWANCES": "{" + ", ".join(f"{one} = 1024" for one in PAID) + "}"}
    with Service(folder, "authorization", settings=allowances) as issuer:
        tokens = {one: f'{one} = ["{issuer.uri}"]' for one in PAID}
        rules = {
            "COMMUNICATOR_RECEIVING_TOKENS": f"{{{tokens['register']}, {tokens['fetch']}}}",
            "COMMUNICATOR_SENDING_TOKENS": f"{{{tokens['submit']}, {tokens['upload']}}}",
            "COMMUNICATOR_RECEIVING_NAMED_ADDRESSES": '["127.0.0.1"]',
            "COMMUNICATOR_SERVICE_OPERATOR": "Post",
        }
        with Service(folder, "both", settings=rules) as post:
            yield issuer, post


def spent_at(service: Service) -> int:
    database = Database(service.database)
    with database.reading() as connection:
        found = connection.execute(select(func.count()).select_from(spent)).scalar_one()
    database.close()
    return int(found)


def given(devices: tuple[Device, ...]) -> int:
    """How many tokens the devices have shown: a batch of each purse, less what is left."""
    return sum(BATCH - left for one in devices for left in one.purses.left().values() if left)


@pytest.mark.slow
def test_two_people_pay_for_all_that_they_do(tmp_path: Path) -> None:  # RECV-5, ADDR-6, TOK-17, ATT-9
    picture = tmp_path / "lake.jpg"
    picture.write_bytes(bytes(range(256)) * 512)  # two chunks and a bit: four
    with paid_services(tmp_path) as (issuer, post):
        ann, ben = device(tmp_path / "ann", [post]), device(tmp_path / "ben", [post])
        with closing(ann, ben):
            with pytest.raises(InputError) as caught:
                ann.invite("Ben")
            assert caught.value.error_class is ErrorClass.REFUSED
            assert f"communicator rm account {issuer.uri}" in caught.value.detail
            assert not ann.core.relationships()
            for one in (ann, ben):
                one.purses.open_account(issuer.uri, asking.open_account(issuer))
            ben.approach("Ann", ann.invite("Ben")[1])
            ben.say(0, "hello")
            go_on((ben, ann), lambda: texts(ann, 0, own=False) == ["hello"])
            ann.vault.delete(f"account/{issuer.uri}")
            ann.say(0, "unpaid")
            ann.turn()
            assert any(issuer.uri in line for line in ann.purses.lines())
            assert not texts(ben, 0, own=False)
            ann.purses.open_account(issuer.uri, asking.open_account(issuer))
            go_on((ben, ann), lambda: texts(ben, 0, own=False) == ["unpaid"])
            assert not ann.purses.lines()
            ben.attach(0, Content("text/plain", b"the lake"), [(picture, "image/jpeg")])
            go_on((ben, ann), lambda: texts(ann, 0, own=False)[-1] == "the lake")
            (file,) = [one for one in listed(ann.history.messages(0)) if not one.own]
            shelf = MemoryShelf()
            assert ann.fetch(0, file.attachment, shelf) == post.uri
            assert given((ann, ben)) == spent_at(post) > 8
