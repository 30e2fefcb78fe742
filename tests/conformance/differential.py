"""Two programs are asked the same, and have to answer the same.

    python -m tests.conformance.differential --seconds 600 --seed 7

asks the reference and the testee in TypeScript, or another program that is named behind `--`.

A case is the steps of a published vector with one thing changed: a byte string is cut, lengthened, spliced with one of
another vector or has a bit turned, a number is moved to an edge, the time is moved, a step is asked twice or left out.
Both programs draw from the same seeds, so answers are equal to the last byte; of two refusals the classes are compared
as well. What differs is printed once for each operation and kind, with its case. The same seed gives the same cases.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from tests.conformance.with_typescript import command

from communicator_conformance.errors import ConformanceError
from communicator_conformance.protocol import Accepted, Rejected
from communicator_conformance.testee import Testee
from communicator_conformance.vectors import Step, published

EDGES = (0, 1, 255, 256, 3_599, 3_600, 65_535, 65_536, 2**32 - 1, 2**32, 2**48, 2**53, 2**64 - 1)
TIMES_S = (-34_214_401, -86_400, -3_600, -1, 1, 3_600, 86_400, 604_800, 2_678_400, 34_214_400)
# What refers to something, is one's own other half beside a secret, or says how much work is asked for.
LEFT = (
    "handle",
    "service",
    "session",
    "ratchet",
    "pending",
    "public",
    "verify_key",
    "count",
    "lanes",
    "p",
    "q",
    "last",
)


@dataclass
class Question:
    """One step of a case: arguments refer to earlier answers as in a vector."""

    name: str
    op: str
    now: int
    args: dict[str, Any]


@dataclass
class Side:
    """A program, and what it answered in this case."""

    program: Testee
    given: dict[str, dict[str, Any]] = field(default_factory=dict)
    died: bool = False

    def ask(self, question: Question, entropy: str) -> tuple[str, Any] | None:
        """Return how it answered, with handles left out; null if an argument is not there."""
        try:
            args = {name: self.resolved(value) for name, value in question.args.items()}
        except (KeyError, IndexError):
            return None
        try:
            answer = self.program.ask(question.op, question.now, entropy, args)
        except ConformanceError as error:
            self.died = True
            return "died", str(error)
        match answer:
            case Accepted():
                self.given[question.name] = answer.result
                return "taken", {name: value for name, value in answer.result.items() if name != "handle"}
            case Rejected():
                return "refused", str(answer.error_class.value)
            case _:
                return type(answer).__name__, str(answer)

    def resolved(self, value: object) -> Any:  # noqa: ANN401 - JSON
        """Return an argument with what it refers to in its place."""
        if isinstance(value, list):
            return [self.resolved(item) for item in value]
        if not isinstance(value, str) or not value.startswith("$"):
            return value
        name, what, *index = value[1:].split(".")
        found = self.given[name][what]
        return found[int(index[0])] if index else found


def is_hex(value: object) -> TypeGuard[str]:
    """Whether an argument is bytes, as far as its form tells."""
    return isinstance(value, str) and len(value) % 2 == 0 and all(letter in "0123456789abcdef" for letter in value)


def spoilt_bytes(value: str, others: list[str], dice: random.Random) -> str:
    """Return bytes with one thing changed."""
    held = bytearray.fromhex(value)
    at = dice.randrange(len(held) + 1)
    match dice.randrange(7):
        case 0 if held:
            held[at % len(held)] ^= 1 << dice.randrange(8)
        case 1:
            del held[at:]
        case 2:
            held[at:at] = dice.randbytes(dice.choice((1, 2, 16)))
        case 3 if held:
            held[at % len(held)] = dice.choice((0, 0x17, 0x18, 0x20, 0x7F, 0x80, 0xA0, 0xF4, 0xF6, 0xF7, 0xFB, 0xFF))
        case 4:
            other = bytes.fromhex(dice.choice(others))
            held = bytearray(other)
        case 5:
            held[at : at + dice.choice((1, 2, 8, 32))] = b""
        case _:
            other = bytes.fromhex(dice.choice(others))
            start = dice.randrange(len(other) + 1)
            length = dice.choice((1, 4, 16, 32))
            held[at : at + length] = other[start : start + length]
    return held.hex()


def places(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Give the places in arguments at which something can be changed."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from places(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))
    elif not (isinstance(value, str) and value.startswith("$")) and not (path and path[-1] in LEFT):
        yield path


def changed(value: Any, others: list[str], dice: random.Random) -> Any:  # noqa: ANN401 - JSON
    """Return a value of the same form with one thing changed."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        near = value + dice.choice((-1, 1, -3_600, 3_600, 86_400))
        return max(0, min(2**64 - 1, dice.choice((near, dice.choice(EDGES)))))
    return spoilt_bytes(value, others, dice) if is_hex(value) else value


def put(args: dict[str, Any], path: tuple[object, ...], others: list[str], dice: random.Random) -> None:
    """Change one place of arguments."""
    holder: Any = args
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = changed(holder[path[-1]], others, dice)


def brief(said: tuple[str, Any] | None) -> str:
    """Return how an answer is counted: taken or died, or the class of the refusal."""
    if said is None:
        return "not asked"
    return said[1] if said[0] == "refused" else said[0]


class Cases:
    """Cases without end, all from one seed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.vectors = [vector for _, vector in sorted(published().items())]
        self.by_area: dict[str, list[Any]] = {}
        for vector in self.vectors:
            self.by_area.setdefault(vector.id.split("/")[0], []).append(vector)
        self.others = sorted({text for vector in self.vectors for text in self.bytes_of(vector.steps)})

    @staticmethod
    def bytes_of(steps: list[Step] | tuple[Step, ...]) -> Iterator[str]:
        """Give the shorter byte strings of a vector."""
        for step in steps:
            yield from (value for value in step.args.values() if is_hex(value) and len(value) < 1_200)

    def next(self) -> tuple[str, str, list[Question]]:
        """Return the next case: the vector that it comes from, its entropy, its steps."""
        vector = self.dice.choice(self.by_area[self.dice.choice(sorted(self.by_area))])
        steps = [*vector.steps, *(vector.probe or ())]
        asked = [Question(s.name, s.op, s.now or vector.now, json.loads(json.dumps(dict(s.args)))) for s in steps]
        chosen = self.dice.randrange(len(asked))
        match self.dice.randrange(10):
            case 0:
                moved = self.dice.choice(TIMES_S)
                for question in asked[chosen:]:
                    question.now += moved
            case 1:
                asked.insert(chosen, asked[chosen])
            case 2 if len(asked) > 1:
                del asked[chosen]
            case _:
                where = list(places(asked[chosen].args))
                if where:
                    put(asked[chosen].args, self.dice.choice(where), self.others, self.dice)
        return vector.id, vector.entropy, asked


def main() -> None:
    """Ask until the time is over; exit 1 if answers differed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--cases", type=int, default=None, help="this many cases instead of a time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("program", nargs="*")
    options = parser.parse_args()
    cases, ends, count, asked = Cases(options.seed), time.monotonic() + options.seconds, 0, 0
    found: dict[tuple[str, ...], int] = {}
    commands = ["reference"], options.program or command()
    programs = [Testee(list(one), 60.0) for one in commands]
    try:
        while count < options.cases if options.cases is not None else time.monotonic() < ends:
            name, entropy, questions = cases.next()
            sides = [Side(program) for program in programs]
            for question in questions:
                one, other = (side.ask(question, entropy) for side in sides)
                asked += 1
                if one == other:
                    continue
                kind = (
                    question.op,
                    *(said[0] if said and said[0] != "refused" else str(said) for said in (one, other)),
                )
                found[kind] = found.get(kind, 0) + 1
                if found[kind] <= 2:
                    print(json.dumps({"case": count, "from": name, "differ": [one, other], "step": question.__dict__}))
                    sys.stdout.flush()
                break
            count += 1
            for index, side in enumerate(sides):
                if side.died:
                    programs[index].__exit__(None, None, None)
                    programs[index] = Testee(list(commands[index]), 60.0)
    finally:
        for program in programs:
            program.__exit__(None, None, None)
    print(f"seed {options.seed}: {count} cases, {asked} questions, {sum(found.values())} differ in {len(found)} kinds")
    for kind, times in sorted(found.items()):
        print(f"  {times:5} {kind[0]}: reference {kind[1]}, other {kind[2]}")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
