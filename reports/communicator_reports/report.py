"""Draw."""

from pathlib import Path

from communicator_reports.progress import Update


def draw(folder: Path, update: Update) -> list[Path]:
    return []
