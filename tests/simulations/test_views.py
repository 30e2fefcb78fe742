"""What observers see on the wire is held against the wire schema, whoever wrote it."""

import pytest

from communicator_impl import wire
from communicator_impl.addresses import EpochKey, LabelGrant, Root
from communicator_impl.outbox import Outbox
from communicator_impl.particle_fields import IssueGrant, RegisterRoot
from communicator_impl.turn import Outgoing, Turn
from communicator_simulations.linkage import Implementation, observed
from communicator_simulations.real import Parts, Travel
from communicator_simulations.views import MisfitError, TakenViews
from communicator_spec import Command, Path
from communicator_spec.views import Role

CIPHERTEXT = bytes(2800)
REQUEST = wire.encode({0: 1, 1: 1, 2: bytes(186), 3: CIPHERTEXT})
BODY = wire.encode({0: 1, 1: 1, 3: [0, []], 4: 0})


def travel(parcel: bytes) -> Travel:
    return Travel(0, 1, 10, parcel, 2, 0, 0)


def test_bytes_that_fit_are_seen() -> None:
    views = TakenViews()
    views.submitted(0, travel(REQUEST))
    views.requested(0, 2, RegisterRoot(1, Root(bytes(16)), bytes(32), bytes(32)))
    views.posted(0, 1, REQUEST)
    views.stored(0, 1, 2, bytes(16))
    views.fetched(0, 1, 2, bytes(16), [CIPHERTEXT])
    views.opened(0, 2, BODY)
    views.opened(0, 2, wire.encode({0: 1, 1: []}))
    assert [seen.role for seen in views.seen] == [Role.SENDING, *[Role.RECEIVING] * 4, *[Role.CORRESPONDENT] * 2]


def test_bytes_that_do_not_fit_end_the_run_at_every_boundary() -> None:
    views = TakenViews()
    with pytest.raises(MisfitError):
        views.submitted(0, travel(REQUEST + b"\0"))
    with pytest.raises(MisfitError):
        views.requested(0, 2, RegisterRoot(1, Root(bytes(16)), bytes(33), bytes(32)))
    with pytest.raises(MisfitError):
        views.requested(0, 2, IssueGrant(1, LabelGrant(Root(bytes(16)), 0, EpochKey(bytes(31)), 0, 1, 1), bytes(32)))
    views.posted(0, 1, REQUEST[:-1])
    with pytest.raises(MisfitError):
        views.stored(0, 1, 2, bytes(16))
    with pytest.raises(MisfitError):
        views.fetched(0, 1, 2, bytes(16), [CIPHERTEXT + b"\0"])
    with pytest.raises(MisfitError):
        views.opened(0, 2, wire.encode({0: 1, 1: 1, 3: [0, []], 4: 0, 99: 0}))


class WritesOneByteMore(Outbox):
    """Puts a byte behind what it hands to a sending service."""

    def _transmit(self, turn: Turn, path: Path, command: Command, number: int, draw_index: int) -> None:
        super()._transmit(turn, path, command, number, draw_index)
        out: Outgoing = turn.out[-1]
        turn.out[-1] = out._replace(request=out.request + b"\0")


def test_an_implementation_that_writes_what_nobody_knows_is_not_judged() -> None:
    with pytest.raises(MisfitError, match="request"):
        observed(7, Implementation("writes more", "label/1", Parts(outbox=WritesOneByteMore)))
