"""Every member of an origin's document is broken in every way, and a member that nobody knows is taken everywhere."""

from collections.abc import Iterator

from communicator_conformance.vectors import published
from communicator_spec.examples import document

VECTORS = published()
SERVICES = ("receiving", "sending", "directory", "authorization")
ENTRIES = ("tokens", "upload")
NUMBER = ("null", "mistyped", "negative", "fraction", "over")


def _members(value: object, name: str, named: bool = True) -> Iterator[tuple[str, bool]]:
    """Yield each name of a wrong vector, and of a right one, with whether it is wrong."""
    if isinstance(value, dict):
        fixed = name.rpartition(".")[2] not in ENTRIES
        if fixed:
            yield f"{name or 'document'}-unknown", False
        for member, inner in value.items():
            label = f"{name}.{member}" if name else member
            yield f"{label}-twice", True
            if fixed and member not in SERVICES:
                yield f"{label}-missing", True
            yield from _members(inner, label)
        if not name:
            return
    if isinstance(value, list):
        yield from _members(value[0], name if isinstance(value[0], dict) else f"{name}.item", named=False)
    if named or not isinstance(value, dict):
        number = isinstance(value, int) and not isinstance(value, bool)
        yield from ((f"{name}-{defect}", True) for defect in (NUMBER if number else NUMBER[:2]))


def test_every_member_is_broken_in_every_way() -> None:
    wanted = dict(_members(document(*SERVICES), ""))
    wanted |= dict.fromkeys((f"{service}-without" for service in SERVICES[1:]), False)
    missing = {name for name in wanted if f"document/{name}" not in VECTORS}
    assert sorted(missing) == []
    assert {name: VECTORS[f"document/{name}"].negative for name in wanted} == wanted
