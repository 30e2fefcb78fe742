"""A person of a run: a device with its store, and what the person does, by a plan that survives every death.

Theory. Who judges a client must know what it promised. So a person writes down what the client said was accepted, after
it said so, in a file of its own, and looks after each start whether all of that is still there. What is not yet done
is done then: each message has a name, and a message whose name is in the store was written. ::

    part.json       who this is, whom it knows, which services it uses, what it does when
    record.jsonl    what the client promised (`said`), what it did not keep (`lost`), how far the person is
    status.json     whether anything is due, after each pass

Rules:

1. Everything is done between two passes of the device, in the thread of `Watch`; a thread beside it only nudges.
2. What cannot be done now is tried again after the next pass; nothing is done twice that was done once.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Collection
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from communicator_impl import backup as backups
from communicator_impl.client import Device, KeyFile, Vault, suites
from communicator_impl.client.files import listed
from communicator_impl.client.records import Stage
from communicator_impl.client.shelf import FolderShelf
from communicator_impl.client.watching import Watch
from communicator_impl.content import Content, Profile, decode_content
from communicator_impl.entropy import SystemEntropy
from communicator_impl.errors import InputError, PeerError, ServiceError
from communicator_impl.introduction import Suites
from communicator_impl.suite import Suite
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["KEY", "Bond", "Part", "Status", "Step", "opened", "read_status", "run", "text_of"]

KEY: Final = KeyFile(bytes(range(32)))
_NUDGE_S: Final = 0.1
_REST_S: Final = 0.04
_FILE_BYTES: Final = 70_000


class Bond(msgspec.Struct, frozen=True):
    """One relationship as this person sees it: its end, the peer's name, and the file that the link goes through."""

    end: int
    peer: str
    link: str

    @property
    def invites(self) -> bool:
        """Whether this person makes the link."""
        return self.end % 2 == 0


class Step(msgspec.Struct, frozen=True):
    """What the person does `at_s` seconds after the beginning; `name` is that of the message, or of the step."""

    at_s: float
    do: str
    end: int = -1
    name: str = ""
    uris: tuple[str, ...] = ()


class Part(msgspec.Struct, frozen=True):
    """One person; `began_s` is when the run began, by the machine's clock.

    Once the file `over` is there, what was not due by then is not said any more.
    """

    person: int
    folder: str
    services: tuple[str, ...]
    senders: tuple[str, ...]
    bonds: tuple[Bond, ...]
    steps: tuple[Step, ...]
    began_s: float
    over: str


class Status(msgspec.Struct, frozen=True):
    """How far a person is: passes since the start, steps left, and whether all that was written down is sent.

    `met`: it has begun a relationship with everybody whom it is to know.

    `waiting` are the ends with messages that have no receipt, `over` those whose relationship has ended.
    """

    passes: int = 0
    left: int = 1
    waiting: tuple[int, ...] = ()
    over: tuple[int, ...] = ()
    sent: bool = False
    at_s: float = 0.0
    met: bool = False

    def is_settled(self, over: Collection[int]) -> bool:
        """Tell whether nothing is due that anybody waits for; who ended may not have told the peer."""
        waits = any(end not in over and end ^ 1 not in over for end in self.waiting)
        return self.passes > 1 and not self.left and not waits and self.sent


def read_status(folder: Path) -> Status:
    """Return what a person said last."""
    try:
        return msgspec.json.decode((folder / "status.json").read_bytes(), type=Status)
    except (FileNotFoundError, msgspec.MsgspecError):
        return Status()


def opened(part: Part) -> Device:
    """Open the device of a person, and make it if it is not there or was never finished."""
    folder = Path(part.folder)
    path, made = folder / "store", folder / "made"
    if not made.exists():
        for left in folder.glob("store*"):
            left.unlink()
        device = Device(Vault.create(path, KEY), log=True, person=part.person)
        made.touch()
        return device
    return Device(Vault.open(path, KEY), log=True, person=part.person)


def text_of(content: bytes) -> str:
    """Return the text of a message; empty if it is none."""
    try:
        found = decode_content(content)
        return found.data.decode() if found.type == PARAMETERS.content.text_type else ""
    except (PeerError, UnicodeDecodeError):
        return ""


def run(path: str) -> None:
    """Be a person until the process ends."""
    part = msgspec.json.decode(Path(path).read_bytes(), type=Part)
    while True:
        try:
            _Person(part, opened(part)).live()
        except _NextDevice:
            continue


class _NextDevice(Exception):
    """The person goes on with another device."""


class _Person:
    def __init__(self, part: Part, device: Device) -> None:
        self._part, self._device, self._folder = part, device, Path(part.folder)
        self._watch = Watch(device)
        self._record = os.open(self._folder / "record.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._passes = 0
        self._done = self._look_back()

    def live(self) -> None:
        """Begin with services, and then do what is due after each pass."""
        mark = self._folder / "restored"
        if mark.exists():
            self._tried(lambda: self._device.turn(wakes=False))
            self._device.restored()
            mark.unlink()
        while not self._device.book.setting.receiving:
            if self._part.person % 2:
                suites.keep(self._device.vault, Suites(Suite.HYBRID, Suite.CLASSICAL))
            self._tried(lambda: self._device.use(self._part.services, self._part.senders))
            time.sleep(_NUDGE_S)
        threading.Thread(target=self._nudge, daemon=True).start()
        self._watch.run(self._after)

    def _nudge(self) -> None:
        while True:
            time.sleep(_NUDGE_S)
            self._watch.nudge()

    # ---------------------------------------------------------------- what was promised

    def _write(self, **values: object) -> None:
        os.write(self._record, (json.dumps(values) + "\n").encode())

    def _look_back(self) -> set[str]:
        """Return the names of what is done, and write down what was promised and is not there."""
        history = self._device.history
        there = {text_of(m.content) for end in history.people() for own, _, m in history.messages(end) if own}
        there |= {waiting.draft.data.decode() for waiting in self._device.uploads.all().values()}
        done = set[str]()
        for line in (self._folder / "record.jsonl").read_text().splitlines():
            found = json.loads(line)
            if "said" in found and found["said"] not in there:
                self._write(lost=found["said"], end=found["end"])
            done |= {str(found[key]) for key in ("said", "did") if key in found}
        return done | there

    # ---------------------------------------------------------------- after each pass

    def _after(self) -> None:
        self._passes += 1
        self._meet()
        now_s = time.time() - self._part.began_s
        for step in self._left():
            if step.at_s <= now_s:
                self._do(step)
        self._tell()
        time.sleep(_REST_S)

    def _left(self) -> list[Step]:
        """Return what is still to be done; once the load is over, nothing more is said than was due then."""
        is_over = Path(self._part.over).exists()
        now_s = Path(self._part.over).stat().st_mtime - self._part.began_s if is_over else 0.0
        left = [step for step in self._part.steps if step.name not in self._done]
        return [step for step in left if not is_over or (step.at_s <= now_s and step.do != "take")]

    def _meet(self) -> None:
        known = self._device.history.people()
        for bond in self._part.bonds:
            link = Path(bond.link)
            if bond.invites and not link.exists():
                if bond.end not in known and not self._tried(partial(self._device.invite, bond.peer, bond.end)):
                    continue
                part = link.with_suffix(".part")
                part.write_text(self._device.history.person(bond.end).link)
                part.replace(link)
            elif not bond.invites and bond.end not in known and link.exists():
                contact = bytes.fromhex(link.read_text())
                self._tried(partial(self._device.approach, bond.peer, contact, bond.end))

    def _tried(self, what: Callable[[], object]) -> bool:
        """Do what may be impossible just now: a service that does not answer, or an end that is not there yet."""
        try:
            what()
        except (ServiceError, InputError) as error:
            self._write(tried=str(error))
            return False
        return True

    def _do(self, step: Step) -> None:
        if step.end >= 0 and step.end not in self._device.history.people():
            return
        number: list[int] = []
        device, uris = self._device, step.uris
        actions = {
            "say": lambda: number.append(device.say(step.end, step.name)),
            "read": lambda: device.read(step.end),
            "tell_read": lambda: device.tell_read(step.end, on=True),
            "profile": lambda: number.append(device.tell_profile(step.end, Profile(step.name))),
            "end": lambda: device.end(step.end, tell=True),
            "move": lambda: self._move(uris[0], uris[1]),
            "senders": lambda: device.replace_senders(uris),
            "attach": lambda: number.append(self._attach(step.end, step.name)),
            "take": self._take,
            "next": self._next,
            "secret": lambda: device.vault.change_secret(KEY),
        }
        if self._tried(actions[step.do]):
            self._done.add(step.name)
            if step.do in ("say", "attach"):
                self._write(said=step.name, end=step.end, number=number[0])
            else:
                self._write(did=step.name)

    def _attach(self, end: int, name: str) -> int:
        """Write a message with a file of two chunks."""
        path = self._folder / f"{name.replace(':', ' ')}.txt"
        path.write_text(name * (_FILE_BYTES // len(name)))
        return self._device.attach(end, Content(PARAMETERS.content.text_type, name.encode()), [(path, "text/plain")])

    def _take(self) -> None:
        """Fetch the first file of a peer; `InputError` as long as there is none."""
        history = self._device.history
        for end in history.people():
            for file in listed((own, number, message) for own, number, message in history.messages(end) if not own):
                shelf = FolderShelf(self._folder / "shelf", "file.txt")
                self._device.fetch(end, file.attachment, shelf, directly=True)
                return
        raise InputError(ErrorClass.UNKNOWN, "no file has come")

    def _next(self) -> None:
        """Go on with another device: from a backup, which a device that was not used since has just made."""
        secret = backups.Passphrase("a device after another")
        vault = self._device.vault
        data = backups.make(backups.snapshot(vault), secret, SystemEntropy(), backups.COST_MIN)
        store, fresh = self._folder / "store", self._folder / "next"
        for left in self._folder.glob("next*"):
            left.unlink()
        with closing(Vault.create(fresh, KEY)) as new, new.together():
            for name, value in backups.restore(data, secret).items():
                new.save(name, value)
        (self._folder / "restored").touch()
        self._write(did="next")
        self._device.close()
        fresh.replace(store)
        raise _NextDevice

    def _move(self, old: str, new: str) -> None:
        receiving = [self._device.book.uri(number) for number in self._device.book.setting.receiving]
        if old in receiving:  # the device leaves it by itself, when it may
            self._device.replace_receiving(old, new, leave=True)

    def _tell(self) -> None:
        device = self._device
        over = tuple(end for end, person in device.history.people().items() if person.stage is Stage.ENDED)
        met = all(bond.end in device.history.people() for bond in self._part.bonds)
        waiting = tuple(end for end in device.core.relationships() if device.core.waiting(end))
        left = len(self._left()) + (not met)
        sent = device.post.is_empty() and device.uploads.is_empty()
        status = Status(self._passes, left, waiting, over, sent, time.time(), met)
        part = self._folder / "status.part"
        part.write_bytes(msgspec.json.encode(status))
        part.replace(self._folder / "status.json")
