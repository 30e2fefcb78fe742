"""Run every benchmark of this folder: `python -m tests.benchmarks`."""

import importlib
from pathlib import Path

__all__ = ["main"]


def main() -> None:
    """Call `main` of each module, in the order of their names."""
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if not path.name.startswith("_"):
            print(f"\n{path.stem}")
            importlib.import_module(f"tests.benchmarks.{path.stem}").main()


if __name__ == "__main__":
    main()
