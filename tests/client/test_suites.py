"""Suite 2 on a device: what a person chose is kept, nobody falls back, and the link fits a terminal."""

from pathlib import Path

import pytest
import segno
from tests.client.small_post import Host, World
from tests.client.test_files import turns

from communicator_impl import backup
from communicator_impl.client import contact_of, link_of
from communicator_impl.client.names import Name
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import InputError
from communicator_impl.introduction import CLASSICAL, Suites
from communicator_impl.particle import Particle
from communicator_impl.suite import Suite
from communicator_reports.commands.rm.qr import codes
from communicator_reports.commands.rm.suites import SuiteName, suites_of
from communicator_spec import ErrorClass

HYBRID, REQUIRED = Suites(Suite.HYBRID), Suites(Suite.HYBRID, Suite.HYBRID)


def hosts(folder: Path, world: World) -> tuple[Host, Host]:
    ann, ben = (Host(folder / name, world, name) for name in ("ann", "ben"))
    ann.device.choose_suites(HYBRID)
    return ann, ben


def test_people_meet_in_the_suite_of_the_link_and_both_see_it(tmp_path: Path) -> None:  # EXT-12, EXT-5
    world = World()
    ann, ben = hosts(tmp_path, world)
    _, contact = ann.device.invite("Ben")
    assert contact_of(link_of(contact)) == contact
    ben.device.approach("Ann", contact)
    ben.device.say(0, "long " * 300)  # has no room beside the opening
    turns((ann, ben), world, 6)
    assert [host.device.core.suite(0) for host in (ann, ben)] == [Suite.HYBRID] * 2
    assert ann.device.history.unread(0) == 1


def test_the_choice_survives_a_restart_and_a_backup(tmp_path: Path) -> None:
    world = World()
    ann, _ = hosts(tmp_path, world)
    ann.device.choose_suites(REQUIRED)
    ann.device.invite("Ben")
    ann.device.close()
    again = ann._start()
    assert again.suites == REQUIRED
    saved = backup.make(backup.snapshot(again.vault), backup.recovery_key(SeededEntropy(b"k")), SeededEntropy(b"b"))
    found = backup.restore(saved, backup.recovery_key(SeededEntropy(b"k")))
    assert found["suites"] == again.vault.load("suites")
    invitation = Particle.from_bytes(found["particle/0"]).invitation
    assert invitation is not None
    assert invitation.package.suite is Suite.HYBRID
    again.close()


def test_who_requires_hybrid_links_refuses_a_classical_one_and_is_told_what_to_do(tmp_path: Path) -> None:  # EXT-11
    world = World()
    ann, ben = hosts(tmp_path, world)
    assert ben.device.suites == CLASSICAL  # a store that nobody told
    _, contact = ben.device.invite("Ann")
    ann.device.choose_suites(REQUIRED)
    with pytest.raises(InputError) as caught:
        ann.device.approach("Ben", contact)
    assert caught.value.error_class is ErrorClass.REFUSED
    assert "communicator rm suite hybrid" in caught.value.detail
    assert not ann.device.history.people()
    assert not ann.device.core.relationships()
    ann.device.choose_suites(HYBRID)
    ann.device.approach("Ben", contact)
    assert ann.device.core.suite(0) is Suite.CLASSICAL


def test_who_requires_hybrid_links_makes_hybrid_ones(tmp_path: Path) -> None:
    ann, _ = hosts(tmp_path, World())
    with pytest.raises(InputError):
        ann.device.choose_suites(Suites(Suite.CLASSICAL, Suite.HYBRID))
    with pytest.raises(InputError):
        suites_of(SuiteName.CLASSICAL, required=True)
    assert ann.device.suites == HYBRID
    assert suites_of(SuiteName.HYBRID, required=True) == REQUIRED


def test_contacts_of_one_name_have_one_suite(tmp_path: Path) -> None:  # EXT-6
    ann, _ = hosts(tmp_path, World())
    ann.device.names._keep(Name("https://directory.example", "ann", bytes(32), 16))
    with pytest.raises(InputError) as caught:
        ann.device.choose_suites(CLASSICAL)
    assert "give it up" in caught.value.detail
    ann.device.choose_suites(REQUIRED)


@pytest.mark.parametrize("columns", [20, 80, 120, 200])
def test_a_link_is_drawn_as_wide_as_the_terminal_at_most(columns: int) -> None:
    for size in (900, 2440):
        link = link_of(bytes(range(256)) * 10)[: size * 4 // 3]
        drawn = codes(link, columns)
        assert len(drawn) <= 16
        assert all(code.symbol_size()[0] <= max(columns, 65) for code in drawn)
        if len(drawn) > 1:
            version = int(drawn[0].version)
            assert drawn == list(segno.make_sequence(link, version=version, error="l", boost_error=False))
