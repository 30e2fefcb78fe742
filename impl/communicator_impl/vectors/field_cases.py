"""Cases of every field of every message (chapters 2, 3 and 8 to 12), derived from the wire schema.

Theory. Completeness by hand is a claim; here it is a loop. For each structure of the schema there is one good message
(`messages`), for each place in it the ways to be wrong (`defects`), and for each way a vector: `field/PLACE-DEFECT`. A
test walks the schema by itself and fails where a vector is missing without a stated reason.

Rules:

1. A place is named as in `communicator_spec.grammar`, with the label of the message in front.
2. A field that is one beyond its limit stands beside the vector in which it is at its limit, if that can be good.
"""

from collections.abc import Iterator

from communicator_impl.vectors.defects import Defect, Good, defects, goods, whole
from communicator_impl.vectors.forms import Path, at, encode
from communicator_impl.vectors.messages import Message, messages
from communicator_impl.vectors.story import Case
from communicator_spec.errors import ErrorClass
from communicator_spec.grammar import Kind, Place, places

__all__ = ["field_cases"]


def field_cases() -> list[Case]:
    """Return all cases of all messages."""
    return [case for message in messages() for case in _Cases(message).all()]


class _Cases:
    """The cases of one message."""

    def __init__(self, message: Message) -> None:
        self._message = message
        steps = (*message.before, message.ask(encode(message.value)))
        self._good = Case(f"field/{message.label}", f"{message.label}, with every field", ("ENV-1", "ENV-3"), steps)

    def all(self) -> Iterator[Case]:
        """Yield the message itself, then what can be wrong with it and what is still right."""
        yield self._good
        message = self._message
        if not message.at:
            for defect in whole(message.value):
                yield self._wrong(message.label, defect, self._good)
        rule = places()[message.rule]
        for defect in defects(rule, None, message.value, message.at):
            yield self._wrong(message.label, defect, self._good)
        for place in places().values():
            if place.name.startswith(f"{message.rule}."):
                yield from self._of_place(place)

    def _of_place(self, place: Place) -> Iterator[Case]:
        name = place.name.removeprefix(f"{self._message.rule}.")
        if name in self._message.required:
            place = place._replace(optional=False)
        path, label = _path(name, self._message), f"{self._message.label}.{name}"
        most, over = self._message.limits.get(name, (None, None))
        twin = self._good
        for good in self._goods(place, name, path, most):
            case = self._right(label, good)
            twin = case if good.name == "most" else twin
            yield case
        for defect in defects(place, path[-1], self._message.value, path):
            if defect.name != "over":
                yield self._wrong(label, defect, self._good)
            else:
                yield self._wrong(label, defect if over is None else defect._replace(value=over), twin)
                over = None
        if over is not None:  # a limit that the schema cannot say
            yield self._wrong(label, Defect("over", "is one beyond its limit", "ENV-3", over, True), twin)

    def _goods(self, place: Place, name: str, path: Path, most: object) -> Iterator[Good]:
        for good in goods(place, path[-1], self._message.value, path):
            if good.name != "most" or name not in self._message.limits:
                yield good
        if most is not None:
            yield Good("most", "is at its limit", most)

    def _right(self, label: str, good: Good) -> Case:
        message = self._message
        step = message.ask(encode(message.sign(good.value)))
        return Case(f"field/{label}-{good.name}", f"{label} {good.said}", ("ENV-3",), (*message.before, step))

    def _wrong(self, label: str, defect: Defect, of: Case) -> Case:
        message = self._message
        value = message.sign(defect.value) if defect.signed else defect.value
        case = f"{label}-{defect.name}"
        beyond = message.too_large.get(case.removeprefix(f"{message.label}."))
        refusal = ErrorClass.MALFORMED if beyond is None else ErrorClass.TOO_LARGE
        refused = of.refused(case, f"{label} {defect.said}", (beyond or defect.clause,), refusal)
        step = message.ask(encode(value))
        return refused.changed(step.name, None, **step.args)


def _path(name: str, message: Message) -> Path:
    """Return where a place is in the message: keys of maps, positions of rows, the first of a list or table."""
    path, form = message.at, places()[message.rule].form
    for part in name.split("."):
        if form.kind == "list" and part != "item":  # the fields of its items have the list's name
            path, form = (*path, 0), form.inside[0].form
        position = next(i for i, field in enumerate(form.inside) if part == field.name)
        path, form = (*path, _step(part, position, form.kind, at(message.value, path))), form.inside[position].form
    return path


def _step(part: str, position: int, kind: Kind, value: object) -> int | str:
    if kind == "map":
        return int(part)
    return next(iter(value)) if isinstance(value, dict) else position
