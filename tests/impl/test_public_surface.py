"""What the package exports is what it says it exports."""

from types import ModuleType

import communicator_impl


def test_exports_and_all_agree() -> None:
    modules = {name for name, value in vars(communicator_impl).items() if isinstance(value, ModuleType)}
    public = {name for name in vars(communicator_impl) if not name.startswith("_")} - modules
    assert public == set(communicator_impl.__all__)
    assert communicator_impl.__all__ == sorted(
        communicator_impl.__all__, key=lambda n: (not n.isupper(), n.islower(), n)
    )
