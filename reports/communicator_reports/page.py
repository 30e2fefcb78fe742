"""A document as one page that needs nothing but a browser: styles, scripts and charts are inside.

Rules:

1. The page loads nothing: vega, vega-lite and vega-embed come from the wheel of vl-convert and stand in it once.
2. Ink is `currentColor`, so that charts follow light, dark and paper without being drawn again.
3. The same document gives the same bytes.
"""

import json
from importlib.resources import files
from typing import Any, Final

import jinja2
import vl_convert
from markupsafe import Markup

from communicator_reports.document import Cell, Document, Figure, runs
from communicator_reports.figures.theme import config

__all__ = ["page"]

_TAGS: Final = {"strong": "strong", "code": "code"}
_SNIPPET: Final = "window.vegaEmbed = vegaEmbed;"


def page(document: Document) -> str:
    """Return the page."""
    folder = files("communicator_reports") / "templates"
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({"page": (folder / "page.html").read_text("utf-8")}),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"inline": _inline, "plain": _plain}
    return environment.get_template("page").render(
        document=document,
        style=Markup((folder / "page.css").read_text("utf-8")),
        library=Markup(_script(vl_convert.javascript_bundle(_SNIPPET))),
        script=Markup((folder / "page.js").read_text("utf-8")),
        charts=Markup(_data(_charts(document))),
        config=Markup(_data(config("currentColor", legend=False))),
    )


def _inline(text: Cell) -> Markup:
    """Return prose as HTML."""
    parts: list[Markup] = []
    for run in runs(str(text)):
        tag = _TAGS.get(run.style)
        parts.append(Markup(f"<{tag}>{{}}</{tag}>").format(run.text) if tag else Markup("{}").format(run.text))
    return Markup("").join(parts)


def _plain(text: str) -> str:
    return "".join(run.text for run in runs(text))


def _charts(document: Document) -> dict[str, Any]:
    def named(figure: Figure) -> dict[str, Any]:
        return {f"{figure.name}-{n}": _without_legend(panel.spec) for n, panel in enumerate(figure.panels)}

    return {name: spec for figure in document.figures() for name, spec in named(figure).items()}


def _without_legend(spec: Any) -> Any:  # noqa: ANN401 - a tree of JSON
    """Return a specification whose legends are left to the page, which has one for all panels of a figure."""
    if isinstance(spec, dict):
        return {key: None if key == "legend" else _without_legend(value) for key, value in spec.items()}
    return [_without_legend(item) for item in spec] if isinstance(spec, list) else spec


def _data(value: object) -> str:
    """Return JSON that cannot end the script that it stands in."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _script(source: str) -> str:
    return source.replace("</script", "<\\/script")
