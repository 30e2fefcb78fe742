"""The badge: a small SVG with what may be claimed, drawn without a font file, a server or a script."""

from typing import Final

from markupsafe import Markup

from communicator_conformance import Verdict
from communicator_reports.conformance_page.standing import MARKS, standing
from communicator_reports.version import VERSION

__all__ = ["render_badge"]

_FILL: Final = {"passed": "#23683f", "failed": "#a8231c", "expected": "#7d4a00"}  # white on each: 6 to 1 and more
_PAD: Final = 8
_LETTER: Final = 6.4
_BADGE: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{name}: {claim}">
<title>{name}: {claim}</title>
<clipPath id="r"><rect width="{width}" height="20" rx="3"/></clipPath>
<g clip-path="url(#r)"><rect width="{left}" height="20" fill="#3b434d"/>\
<rect x="{left}" width="{right}" height="20" fill="{fill}"/></g>
<g fill="#fff" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">\
<text x="{pad}" y="14" textLength="{left_text}" lengthAdjust="spacingAndGlyphs">{name}</text>\
<text x="{right_x}" y="14" textLength="{right_text}" lengthAdjust="spacingAndGlyphs">{mark} {claim}</text></g>
</svg>
"""


def render_badge(verdict: Verdict) -> str:
    """Return the badge of a verdict; nothing in it comes from the testee but the names of its roles."""
    said = standing(verdict)
    name, claim = f"communicator {'.'.join(VERSION.split('.')[:2])}", f"{said.words} · {said.why}"
    left_text, right_text = round(len(name) * _LETTER), round((len(claim) + 2) * _LETTER)
    left, right = left_text + 2 * _PAD, right_text + 2 * _PAD
    return str(
        Markup(_BADGE).format(  # escapes what it is given
            width=left + right, left=left, right=right, pad=_PAD, right_x=left + _PAD, left_text=left_text,
            right_text=right_text, name=name, claim=claim, mark=MARKS[said.tone], fill=_FILL[said.tone],
        )
    )  # fmt: skip
