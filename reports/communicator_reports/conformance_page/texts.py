"""Texts that a testee wrote, made fit to be shown: short, visible, and nothing but text.

Theory. A name, a detail or a line on stdout may hold anything: markup, characters that turn the direction of what
follows, a megabyte of noise. Markup is left to the template, which escapes everything; here the rest is done.

Rules:

1. What cannot be seen, or changes how other text is seen, is shown as its escape (`\\u202e`).
2. What is longer than a reader reads is cut, and says how long it was.
"""

__all__ = ["shown"]


def shown(text: str, most: int) -> str:
    """Return at most `most` characters of a text, all of them visible; lines stay lines."""
    cut = text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in cut)
