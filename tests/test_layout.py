"""The repository keeps the shape that the README promises."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ("spec", "model", "impl", "conformance", "simulations", "reports")


@pytest.mark.parametrize("layer", LAYERS)
def test_layer_folder_holds_exactly_one_package(layer: str) -> None:
    assert not (ROOT / layer / "__init__.py").exists()
    packages = [p.parent.name for p in (ROOT / layer).glob("*/__init__.py")]
    assert packages == [f"communicator_{layer}"]


def test_wheel_ships_every_layer() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = config["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == [f"{x}/communicator_{x}" for x in LAYERS]
