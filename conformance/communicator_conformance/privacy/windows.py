"""Which bytes can link two things: every eight in a row that nobody has published.

Theory. Eight bytes in common do not happen by chance (`communicator_spec.views`), unless everybody repeats them:
labels, names and keys of services, frames of encodings. A window that shares a byte with one of those tells nothing
either, since part of it is known. What is left of a text are its telling windows.

What is published is a list that the judge gives, so that each exception can be read.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from communicator_spec.views import WINDOW

__all__ = ["Telling", "Windows", "windows_of"]

Windows = NDArray[np.uint64]
"""Windows as integers; of a text in its order, of a thing sorted and each once."""

_KEPT = 4096


def windows_of(data: bytes) -> Windows:
    """Return every eight consecutive bytes of a text, in order."""
    if len(data) < WINDOW:
        return np.empty(0, np.uint64)
    raw = np.frombuffer(data, np.uint8)
    return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(raw, WINDOW)).view(np.uint64).ravel()


class Telling:
    """Finds the telling windows of texts, those of each text once."""

    def __init__(self, published: Iterable[bytes]) -> None:
        """`published`: what everybody knows and repeats."""
        known = [windows_of(text) for text in published]
        self._published = np.unique(np.concatenate(known))
        self._kept: dict[bytes, Windows] = {}

    def of(self, text: bytes) -> Windows:
        """Return the telling windows of one text, sorted, each once."""
        found = self._kept.get(text)
        if found is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            found = self._kept[text] = _once(self._telling(text))
        return found

    def of_all(self, texts: Iterable[bytes]) -> Windows:
        """Return the telling windows of several texts together."""
        return _once(np.concatenate([np.empty(0, np.uint64), *(self.of(text) for text in texts)]))

    def _telling(self, text: bytes) -> Windows:
        windows = windows_of(text)
        if not windows.size:
            return windows
        reach = 2 * WINDOW - 1
        at = np.searchsorted(self._published, windows)
        known = self._published[np.minimum(at, len(self._published) - 1)] == windows
        if not known.any():
            return windows
        touched = np.convolve(known, np.ones(reach))[WINDOW - 1 : WINDOW - 1 + windows.size] > 0.5
        return windows[~touched]


def _once(windows: Windows) -> Windows:
    """Return windows sorted, each once."""
    ordered = np.sort(windows)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if ordered.size else ordered
