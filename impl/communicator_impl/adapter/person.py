"""A person's relationship manager as a role of a script."""

from collections.abc import Sequence
from typing import Final

from communicator_impl import addresses as a
from communicator_impl.adapter.lines import Call
from communicator_impl.adapter.live import Book, Role, ms, operations, played, seconds
from communicator_impl.adapter.opening import manager_that_shows
from communicator_impl.adapter.walked import shown, stray, terms_of
from communicator_impl.address_set import encode_set
from communicator_impl.entropy import Entropy
from communicator_impl.envelope import Delivery
from communicator_impl.errors import InputError
from communicator_impl.introduction import Suites
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import NEVER, IssueGrant, RegisterRoot, Request, RevokeRoot, Setting
from communicator_impl.relationship_manager import RelationshipManager, Step
from communicator_impl.root_record import item_of
from communicator_impl.submission import Submission
from communicator_impl.suite import Suite
from communicator_impl.turn import Outgoing
from communicator_spec import Terms
from communicator_spec.errors import ErrorClass

__all__ = ["PERSON_OPERATIONS"]

_PROFILES: Final = {"two-layer/1": a.Profile.TWO_LAYER, "label/1": a.Profile.LABEL}


class _Reach:
    """What answers at this instant: everything but what the request names."""

    def __init__(self, book: Book, receiving: Sequence[str], sending: Sequence[str]) -> None:
        self.receiving = [uri not in receiving for uri in book.uris]
        self.sending = [uri not in sending for uri in book.uris]


class _Person(Role):
    def __init__(self, profile: str, suite: Suite, entropy: Entropy, terms: Terms) -> None:
        super().__init__(entropy)
        self._suites = Suites(suite, suite)
        self.book = Book()
        self._terms = terms
        self.opened: list[bytes] = []
        self._profiles = (_PROFILES[profile],)
        self.restart(0)

    def restart(self, now_ms: int) -> None:
        report, shows = self.reported.append, manager_that_shows(self.opened)
        self.core = shows(0, self._terms, self.book, self.disk, self.draws, report, self._profiles, self._suites)

    def restored(self, now_ms: int) -> None:
        self.core.restored(now_ms)

    def uri(self, number: int) -> str:
        return self.book.uri(number)


def _create(c: Call) -> object:
    profile = c.text("profile")
    if profile not in _PROFILES:
        raise InputError(ErrorClass.UNKNOWN, "profile")
    suite = c.number("suite") if "suite" in c.args else Suite.CLASSICAL
    if suite not in list(Suite):
        raise InputError(ErrorClass.UNKNOWN, "suite")
    person = _Person(profile, Suite(suite), c.entropy, terms_of(c, profile))
    person.draws.least = "terms" in c.args
    return c.keep(person)


def _person(c: Call) -> _Person:
    return played(c, "person", _Person)


def _core(c: Call) -> RelationshipManager:
    return _person(c).core


def _learn(c: Call) -> None:
    config = a.ServiceConfig.decode(c.raw("config"))
    _person(c).book.number(config.uri)
    _person(c).book.configs[config.uri] = config


def _setting(c: Call) -> Setting:
    number = _person(c).book.number
    return Setting(tuple(map(number, c.texts("receiving"))), tuple(map(number, c.texts("sending"))))


def _at(c: Call) -> tuple[int, int]:
    return ms(c), c.number("relationship")


def _reach(c: Call) -> _Reach:
    silent, apart = c.texts("silent"), ("silent_receiving", "silent_sending")
    receiving, sending = ([*silent, *(c.texts(name) if name in c.args else ())] for name in apart)
    return _Reach(_person(c).book, receiving, sending)


def _complete(c: Call) -> object:
    greeting, step = _core(c).complete(*_at(c), c.raw("answer"))
    return {"greeting": greeting, **_opened_set(c), **_stepped(c, step)}


def _conclude(c: Call) -> object:
    step = _core(c).conclude(*_at(c), c.raw("greeting"))
    return {**_opened_set(c), **_stepped(c, step)}


def _opened_set(c: Call) -> dict[str, object]:
    held = _core(c).peer_set(c.number("relationship"))
    return {"opened": [] if held is None else [encode_set(held)]}


def _receive(c: Call) -> object:
    items = [item_of(Delivery.decode(raw)) for raw in c.raws("deliveries")]
    got = _core(c).receive(*_at(c), _number(c), items)
    _core(c).drain(*_at(c), frozenset(message.number for message in got.deliveries))
    contents = [{"number": message.number, "content": message.content} for message in got.deliveries]
    opened, _person(c).opened[:] = list(_person(c).opened), []
    result = {"messages": contents, "confirm": sorted(got.confirm), "opened": opened}
    return result | _stepped(c, Step(got.requests))


def _unreachable(c: Call) -> object:
    _core(c).unreachable(*_at(c), _number(c), c.number("reference"))
    return _stepped(c, Step())


def _move(c: Call) -> object:
    old = _person(c).book.number(c.text("old"))
    _core(c).move(*_at(c), old, _setting(c), c.number("announce_s") * 1000, leave=c.flag("leave"))
    return _stepped(c, Step())


def _leave(c: Call) -> object:
    empty = c.raws("empty")
    requests = _core(c).leave(ms(c), _number(c), lambda of: of in empty)
    return {"left": requests is not None, "requests": [_request(c, r) for r in requests or ()]}


def _change_senders(c: Call) -> object:
    _core(c).change_senders(*_at(c), tuple(map(_person(c).book.number, c.texts("sending"))))
    return _stepped(c, Step())


def _read(c: Call) -> object:
    _core(c).tell_read(*_at(c), on=True)
    _core(c).read(*_at(c), frozenset(c.numbers("numbers")))
    return _stepped(c, Step())


def _number(c: Call) -> int:
    return _person(c).book.number(c.text("uri"))


def _standing(c: Call) -> object:
    core, number = _core(c), c.number("relationship")
    losses = [{"own": x.own, "peer": x.peer, "numbers": x.numbers} for x in core.losses(number)]
    seen = core.seen(number)
    held = core.peer_set(number)
    return {
        "synchronised": core.is_synchronised(number),
        "next": core.next_number(number),
        "waiting": core.waiting(number),
        "losses": losses,
        "seen": [seen.floor, seen.ranges],
        "peer": [service.uri for service in held.services] if held else [],
    }


def _projection(c: Call) -> object:
    data = _person(c).disk.load(f"particle/{c.number('relationship')}")
    if data is None:
        raise InputError(ErrorClass.UNKNOWN, "relationship")
    return shown(Particle.from_bytes(data), _person(c).book.uri)


def _stray(c: Call) -> object:
    config = _person(c).book.config(_number(c))
    if config is None:
        raise InputError(ErrorClass.UNKNOWN, "configuration")
    of = c.number("relationship"), c.text("uri"), c.number("serial"), c.number("position")
    return {"request": stray(_core(c), *of, config.sealing_key(c.now), c.entropy)}


def _stepped(c: Call, step: Step) -> dict[str, object]:
    deadline = _core(c).deadline_ms(c.number("relationship"))
    return {
        "requests": [_request(c, request) for request in step.requests],
        "transmissions": [_transmission(c, out) for out in step.transmissions],
        "deadline_s": None if deadline >= NEVER else seconds(deadline),
    }


def _transmission(c: Call, out: Outgoing) -> object:
    book = _person(c).book
    submission = Submission(book.uri(out.service), out.request, out.not_after_ms)
    return {
        "via": book.uri(out.via),
        "uri": submission.uri,
        "submission": submission.encode(),
        "reference": out.reference,
    }


def _request(c: Call, request: Request) -> object:
    uri = _person(c).book.uri(request.service)
    match request:
        case RegisterRoot(_, of, verify_key, _):
            return {"op": "register", "uri": uri, "root": of, "verify_key": verify_key}
        case IssueGrant(_, g, _):
            dates = {"epoch": g.epoch, "valid_until_s": g.valid_until_s, "capacity": g.capacity, "lanes": g.lanes}
            return {"op": "issue", "uri": uri, "root": g.root, "key": g.key, **dates}
        case RevokeRoot(_, of, _):
            return {"op": "revoke", "uri": uri, "root": of}


PERSON_OPERATIONS: Final = operations(
    "person",
    _Person,
    {
        "create": _create,
        "learn": _learn,
        "invite": lambda c: {"package": _core(c).invite(*_at(c), _setting(c))},
        "accept": lambda c: {"answer": _core(c).accept(*_at(c), _setting(c), c.raw("package"))},
        "complete": _complete,
        "conclude": _conclude,
        "submit": lambda c: {"number": _core(c).submit(*_at(c), c.raw("content")), **_stepped(c, Step())},
        "wake": lambda c: _stepped(c, _core(c).wake(*_at(c), _reach(c))),
        "receive": _receive,
        "unreachable": _unreachable,
        "move": _move,
        "senders": _change_senders,
        "leave": _leave,
        "released": lambda c: {"released": _core(c).released(c.number("relationship"), _number(c))},
        "read": _read,
        "end": lambda c: _stepped(c, _core(c).refuse(*_at(c), tell=c.flag("tell"), reach=_reach(c))),
        "root": lambda c: {"root": _core(c).root(c.number("relationship"), _number(c))},
        "standing": _standing,
        "projection": _projection,
        "stray": _stray,
    },
)
