"""Links as QR codes in a terminal.

A link with a key of ML-KEM is longer than the largest code holds, and a large code is wider than most terminals. So it
is drawn as one code if that fits the width, else as several that belong together (structured append, ISO/IEC 18004,
clause 8): a reader that knows them joins them, another one reads texts that give the link one after another.
"""

import shutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from segno import QRCode

__all__ = ["codes", "draw"]

_MARGIN: Final = 8  # four modules on each side
_LEAST, _MOST = 10, 40
_PART: Final = 25  # larger codes are hard to read for a camera, and there is no need


def codes(link: str, columns: int) -> list["QRCode"]:
    """Return the codes of a link, as large as the width of a terminal lets them be."""
    import segno

    version = max(_LEAST, min(_MOST, (columns - _MARGIN - 17) // 4))
    one = _fitting(link, version)
    if one is not None:
        return [one]
    return list(segno.make_sequence(link, version=min(version, _PART), error="l", boost_error=False))


def draw(link: str) -> None:
    """Print the codes of a link, one below the other."""
    drawn = codes(link, shutil.get_terminal_size().columns)
    for number, code in enumerate(drawn, 1):
        if len(drawn) > 1:
            print(f"{number} of {len(drawn)}")
        code.terminal(compact=True)


def _fitting(link: str, version: int) -> "QRCode | None":
    import segno

    try:
        code = segno.make(link, error="l", boost_error=False)
    except segno.DataOverflowError:
        return None
    return code if int(code.version) <= version else None
