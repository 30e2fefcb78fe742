"""What people and operators can do in a script, a function each.

Theory. A scene is one call at one time: it asks a role, and lets the stage carry what comes of it. The table at the end
is the vocabulary of scripts; the fields that a scene reads are those of its row.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

import cbor2

from communicator_conformance.errors import VectorError
from communicator_conformance.questions import BEGIN_S, Flaw, Refused
from communicator_conformance.scripts.script import Scene, seconds
from communicator_conformance.scripts.stage import Device, Service, Stage
from communicator_conformance.verdicts import Fault
from communicator_spec.errors import ErrorClass
from communicator_spec.events import Kind
from communicator_spec.parameters import PARAMETERS

__all__ = ["DOINGS", "plan_scene", "relationship_of"]

_TEXT: Final = "text/plain"
_PROFILE: Final = "application/vnd.communicator.profile"
_IDENTITY: Final = 2  # the field of a key package
_REQUEST: Final = 2  # the field of a submission


def plan_scene(stage: Stage, scene: Scene) -> None:
    """Put a scene on the stage's calendar."""
    if scene.do not in DOINGS:
        raise VectorError(f"nobody can {scene.do!r}; there is {', '.join(DOINGS)}")
    for turn in range(scene.count):
        act = partial(DOINGS[scene.do], stage, scene, turn)
        stage.plan(seconds(scene.at) + turn * seconds(scene.every), act)


def relationship_of(stage: Stage, who: Device, to: Device) -> int:
    """Return the relationship of two devices."""
    shared = [number for number, end in who.ends.items() if end ^ 1 in to.ends.values()]
    if not shared:
        raise VectorError(f"{who.name} and {to.name} have not met")
    return shared[-1]


# -------------------------------------------------------------------- people


def _meet(stage: Stage, scene: Scene, turn: int) -> None:
    first, second = _devices(stage, scene)
    number = sum(len(device.ends) for device in stage.devices.values()) // 2
    first.ends[number], second.ends[number] = 2 * number, 2 * number + 1
    stage.meet(first, second)
    package = stage.ask(first, "invite", relationship=number, **_setting(first))["package"]
    _check_identity(first, package)
    answer = stage.ask(second, "accept", relationship=number, **_setting(second), package=package)["answer"]
    completed = stage.ask(first, "complete", relationship=number, answer=answer)
    stage.step(first, number, completed)
    stage.step(second, number, stage.ask(second, "conclude", relationship=number, greeting=completed["greeting"]))


def _check_identity(device: Device, package: str) -> None:
    """Nobody shows two people one identity (SES-1)."""
    identity = cbor2.loads(bytes.fromhex(package))[_IDENTITY]
    if identity in device.identities:
        raise Flaw(Fault.UNMET, f"{device.name} shows two people one identity")
    device.identities.add(identity)


def _say(stage: Stage, scene: Scene, turn: int) -> None:
    who, to = _devices(stage, scene)
    _submit(stage, who, to, _TEXT, f"{scene.text} {who.name} {turn}".encode())


def _tell_profile(stage: Stage, scene: Scene, turn: int) -> None:
    who, to = _devices(stage, scene)
    _submit(stage, who, to, _PROFILE, cbor2.dumps({0: scene.name}, canonical=True))


def _submit(stage: Stage, who: Device, to: Device, media: str, data: bytes) -> None:
    number = relationship_of(stage, who, to)
    content = cbor2.dumps({0: 1, 1: media, 2: data}, canonical=True).hex()
    taken = stage.ask(who, "submit", relationship=number, content=content)
    who.said.setdefault(number, []).append((taken["number"], content))
    stage.step(who, number, taken)


def _read(stage: Stage, scene: Scene, turn: int) -> None:
    who, to = _devices(stage, scene)
    relationship = relationship_of(stage, who, to)
    numbers = sorted(number for number, _ in who.got.get(relationship, ()))
    stage.step(who, relationship, stage.ask(who, "read", relationship=relationship, numbers=numbers))


def _end(stage: Stage, scene: Scene, turn: int) -> None:
    who, to = _devices(stage, scene)
    relationship = relationship_of(stage, who, to)
    who.ended.add(relationship)
    ended = stage.ask(who, "end", relationship=relationship, tell=scene.tell, silent=stage.silent())
    stage.step(who, relationship, ended)


def _move(stage: Stage, scene: Scene, turn: int) -> None:
    who = stage.devices[scene.who]
    old, new = stage.receivers[scene.name], stage.receivers[scene.to]
    who.receiving = [new.name if name == old.name else name for name in who.receiving]
    for relationship in who.ends:
        moved = {"old": old.uri, "announce_s": BEGIN_S + stage.now_s + who.skew_s, "leave": scene.leave}
        stage.step(who, relationship, stage.ask(who, "move", **moved, relationship=relationship, **_setting(who)))


def _change_senders(stage: Stage, scene: Scene, turn: int) -> None:
    who = stage.devices[scene.who]
    who.sending = scene.to.split()
    for relationship in who.ends:
        stage.step(
            who, relationship, stage.ask(who, "senders", relationship=relationship, sending=_setting(who)["sending"])
        )


def _leave(stage: Stage, scene: Scene, turn: int) -> None:
    """Leave a service for good; it is a flaw if a device cannot when everything there has ended."""
    who, service = stage.devices[scene.who], stage.receivers[scene.to]
    roots = [stage.ask(who, "root", relationship=number, uri=service.uri)["root"] for number in who.ends]
    held = [root for root in roots if root is not None]
    if not all(stage.ask(who, "released", relationship=number, uri=service.uri)["released"] for number in who.ends):
        raise Flaw(Fault.REJECTED, f"addresses of {who.name} still point to {service.name}")
    empty = [root for root in held if not stage.ask(service, "fetch", root=root)["deliveries"]]
    left = stage.ask(who, "leave", uri=service.uri, empty=empty)
    if not left["left"]:
        raise Flaw(Fault.REJECTED, f"{who.name} cannot leave {service.name}")
    if sorted(held) != sorted(request["root"] for request in left["requests"]):
        raise Flaw(Fault.UNMET, f"{who.name} leaves {service.name} and not all of its roots there")
    for request in left["requests"]:
        stage.ask(service, "revoke", root=request["root"])


def _sleep(stage: Stage, scene: Scene, turn: int) -> None:
    stage.devices[scene.who].awake = False


def _wake_up(stage: Stage, scene: Scene, turn: int) -> None:
    device = stage.devices[scene.who]
    device.awake = True
    stage.catch_up(device)


def _crash(stage: Stage, scene: Scene, turn: int) -> None:
    device = stage.devices[scene.who]
    stage.ask(device, "restart")
    for service in stage.receivers.values():
        stage.ask(device, "learn", config=service.config)
    stage.catch_up(device)


def _backup(stage: Stage, scene: Scene, turn: int) -> None:
    device = stage.devices[scene.who]
    device.snapshot = stage.ask(device, "save")["snapshot"]


def _restore(stage: Stage, scene: Scene, turn: int) -> None:
    device = stage.devices[scene.who]
    stage.ask(device, "restore", snapshot=device.snapshot)
    for service in stage.receivers.values():
        stage.ask(device, "learn", config=service.config)
    stage.catch_up(device)


def _accept_again(stage: Stage, scene: Scene, turn: int) -> None:
    """Answer one invitation twice: the second one must find that its package is spent."""
    first, second = _devices(stage, scene)
    number = 1_000
    stage.meet(first, second)
    package = stage.ask(first, "invite", relationship=number, **_setting(first))["package"]
    answers = [
        stage.ask(second, "accept", relationship=number + k, **_setting(second), package=package)["answer"]
        for k in (0, 1)
    ]
    first.ends[number] = 2 * number
    stage.step(first, number, stage.ask(first, "complete", relationship=number, answer=answers[0]))
    try:
        stage.ask(first, "complete", relationship=number, answer=answers[1])
    except Refused as refused:
        if refused.error_class in (ErrorClass.REPLAYED, ErrorClass.UNKNOWN, ErrorClass.REFUSED):
            return
        raise Flaw(Fault.WRONG_CLASS, f"{refused}, for a package that is spent") from refused
    raise Flaw(Fault.ACCEPTED, "a key package served two people")


# -------------------------------------------------------------------- operators


def _down(stage: Stage, scene: Scene, turn: int) -> None:
    for service in _services(stage, scene.who):
        service.up = False
        stage.note(Kind.CRASHED, service)


def _up(stage: Stage, scene: Scene, turn: int) -> None:
    for service in _services(stage, scene.who):
        stage.start_again(service)


def _die(stage: Stage, scene: Scene, turn: int) -> None:
    for service in _services(stage, scene.who):
        service.dead = True
        stage.note(Kind.DIED, service)


def _save(stage: Stage, scene: Scene, turn: int) -> None:
    for service in _services(stage, scene.who):
        service.snapshot = stage.ask(service, "save")["snapshot"]


def _old_database(stage: Stage, scene: Scene, turn: int) -> None:
    for service in _services(stage, scene.who):
        stage.ask(service, "restore", snapshot=service.snapshot)
        service.confirmed.clear()
        for device in stage.devices.values():
            stage.plan(1, partial(stage.catch_up, device))


def _submit_late(stage: Stage, scene: Scene, turn: int) -> None:
    """Hand a service what another one was handed long ago (SEND-5)."""
    _must_refuse(stage, scene, _submission_of_another(stage, scene), ErrorClass.EXPIRED)


def _submit_too_much(stage: Stage, scene: Scene, turn: int) -> None:
    """Hand a service a request of one byte more than any may have (ENV-2)."""
    fields = cbor2.loads(bytes.fromhex(_submission_of_another(stage, scene)))
    fields[_REQUEST] = bytes(PARAMETERS.envelope.request_bytes_max + 1)
    _must_refuse(stage, scene, cbor2.dumps(fields, canonical=True).hex(), ErrorClass.TOO_LARGE)


def _submission_of_another(stage: Stage, scene: Scene) -> str:
    found = next((submission for name, submission in stage.submissions if name != scene.who), None)
    if found is None:
        raise Flaw(Fault.UNMET, f"nobody has handed anything to another service than {scene.who}")
    return found


def _must_refuse(stage: Stage, scene: Scene, submission: str, wanted: ErrorClass) -> None:
    try:
        stage.ask(stage.senders[scene.who], "submit", submission=submission)
    except Refused as refused:
        if refused.error_class is wanted:
            return
        raise Flaw(Fault.WRONG_CLASS, f"{refused}, not {wanted}") from refused
    raise Flaw(Fault.ACCEPTED, f"{scene.who} took what it must refuse as {wanted}")


def _revoke_epochs(stage: Stage, scene: Scene, turn: int) -> None:
    """Revoke what a person issued, epoch by epoch; the roots stay."""
    for device, service, root, epoch in stage.epochs:
        if device.name == scene.who:
            stage.ask(service, "revoke", root=root, epoch=epoch)


def _rotate(stage: Stage, scene: Scene, turn: int) -> None:
    service = stage.receivers[scene.who]
    stage.publish(service, stage.ask(service, "rotate")["config"])


def _erase(stage: Stage, scene: Scene, turn: int) -> None:
    stage.ask(stage.receivers[scene.who], "erase")


def _services(stage: Stage, name: str) -> list[Service]:
    found = [table[name] for table in (stage.receivers, stage.senders) if name in table]
    if not found:
        raise VectorError(f"no service is called {name!r}")
    return found


def _devices(stage: Stage, scene: Scene) -> tuple[Device, Device]:
    return stage.devices[scene.who], stage.devices[scene.to]


def _setting(device: Device) -> dict[str, list[str]]:
    return {
        "receiving": [f"https://{name}.example" for name in device.receiving],
        "sending": [f"https://{name}.example" for name in device.sending],
    }


DOINGS: Final[dict[str, Callable[[Stage, Scene, int], None]]] = {
    "meet": _meet,
    "say": _say,
    "tell profile": _tell_profile,
    "read": _read,
    "end": _end,
    "move": _move,
    "change senders": _change_senders,
    "leave": _leave,
    "sleep": _sleep,
    "wake up": _wake_up,
    "crash": _crash,
    "back up": _backup,
    "restore": _restore,
    "accept again": _accept_again,
    "go down": _down,
    "come back": _up,
    "die": _die,
    "save": _save,
    "come back old": _old_database,
    "submit late": _submit_late,
    "submit too much": _submit_too_much,
    "revoke epochs": _revoke_epochs,
    "rotate keys": _rotate,
    "erase": _erase,
}
