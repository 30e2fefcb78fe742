"""The picture of the screen in `docs/client.md`: `python -m tests.reports.terminal.picture` draws it again.

It shows what the program shows of a small scene: two operators, one of which has died, and a message that found another
way. Everything in the scene is given, so the same program draws the same picture.
"""

import asyncio
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.client.small_post import URIS
from tests.reports.terminal.stage import Stage, seen

__all__ = ["PICTURE", "drawn"]

PICTURE: Final = Path(__file__).parents[3] / "docs/figures/terminal.svg"
SIZE: Final = (152, 36)
_TALK: Final = (
    "Home at last. The last bus had gone, so I walked.",
    "Glad you made it. Did you see the moon?",
    "I did, and three foxes in the park. I will send you the pictures tomorrow.",
    "Please do!",
)
_FONTS: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_FONT: Final = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"


def stage_of(folder: Path) -> Stage:
    """Return the scene."""
    stage = Stage(folder)
    ben = stage.meet("Ben")
    stage.me.history.verified(0)
    for number, text in enumerate(_TALK):
        (ben, stage.me)[number % 2].say(0, text)
        stage.settle(ben, times=2)
    stage.settle(ben, times=30)
    stage.me.read(0)
    clara = stage.meet("Clara")
    for text in ("Are you coming on Saturday?", "Bring your sister."):
        clara.say(1, text) if 1 in clara.core.relationships() else clara.say(0, text)
    stage.settle(clara, times=3)
    stage.me.invite("Dimitri")
    stage.world.down.add(URIS[1])
    stage.me.say(0, "Can you hear me? One of the two operators has died.")
    stage.settle(ben, times=40)
    stage.me.say(0, "It went out by the other one, and nobody had to do anything.")
    return stage


async def drawn(folder: Path) -> str:
    """Return the picture of the scene as SVG."""
    stage = stage_of(folder)
    try:
        async with stage.open(SIZE) as pilot:
            await pilot.press("enter", "escape", "up")
            await seen(pilot, "It went out", "stored there", "no answer from")
            svg = pilot.app.export_screenshot(title="communicator rm open")
    finally:
        stage.close()
    return _FONTS.sub("", svg).replace("Fira Code, monospace", _FONT).replace("Fira Code", _FONT)


def main() -> None:
    """Draw the picture."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    with tempfile.TemporaryDirectory() as folder:
        PICTURE.write_text(asyncio.run(drawn(Path(folder))))
    sys.stdout.write(f"{PICTURE}\n")


if __name__ == "__main__":
    main()
