"""x"""

from pathlib import Path


def conclusion(folder: Path) -> dict[str, object]:
    return {}


def conclusion_lines(folder: Path) -> list[str]:
    return ["x"]
