"""Regenerate the OpenAPI files in a checkout: `python -m communicator_spec.openapi`."""

import json
from pathlib import Path

from communicator_spec.openapi.authorization import authorization
from communicator_spec.openapi.services import directory, receiving, sending

__all__ = ["render"]


def render() -> dict[str, bytes]:
    """Return the bytes of each file by its name."""
    built = (receiving, sending, directory, authorization)
    return {
        f"{make.__name__}.json": (json.dumps(make(), indent=1, ensure_ascii=False) + "\n").encode() for make in built
    }


if __name__ == "__main__":
    for name, data in render().items():
        (Path(__file__).parent / name).write_bytes(data)
