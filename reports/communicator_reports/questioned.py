"""A scenario as a short document of its own: the question, what varies, the figures, and what follows.

It stands beside the results as `question.html` and `question.pdf`, and its figures as pictures in `figures/`: one
definition each, drawn by the browser in the page and by vl-convert on paper. The same results give the same bytes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import vl_convert

from communicator_reports.document import Block, Document, Figure, Items, Prose, Section
from communicator_reports.figures.accounts import drawn
from communicator_reports.figures.sheet import picture
from communicator_reports.page import page
from communicator_reports.pdf import pdf
from communicator_simulations.account import Account
from communicator_simulations.conclusions import Cells, Verdict, judge
from communicator_simulations.scenario import Scenario

__all__ = ["question", "write_question"]

_SIGNS: Final = {"holds": "holds", "false": "FALSE", "undecided": "not decided by these data", "not asked": "not asked"}
_SCALE: Final = 2


def write_question(folder: Path, account: Account, results: Cells, scenario: Scenario, arms: Sequence[str] = (),
                   more: Sequence[Figure] = ()) -> list[Path]:  # fmt: skip
    """Write page, sheet and pictures into a folder; nothing for a scenario that has no account of itself.

    `arms` are said in the place of the policies, if there are any; `more` are figures after the scenario's own.
    """
    if account.about is None:
        return []
    document = question(account, results, scenario, arms, more)
    charts = {figure.name: picture(figure) for figure in document.figures()}
    (folder / "figures").mkdir(exist_ok=True)
    files = {"question.html": page(document).encode(), "question.pdf": pdf(document, charts)}
    for name, chart in charts.items():
        files[f"figures/{name}.svg"] = vl_convert.vegalite_to_svg(chart).encode()
        files[f"figures/{name}.png"] = vl_convert.vegalite_to_png(chart, scale=_SCALE)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in files]


def question(account: Account, results: Cells, scenario: Scenario, arms: Sequence[str] = (),
             more: Sequence[Figure] = ()) -> Document:  # fmt: skip
    """Return the document of a scenario and its results; `arms` and `more` as for `write_question`."""
    assert account.about is not None
    about, found = account.about, judge(account.conclusion, results)
    figures = [drawn(figure, results, scenario) for figure in account.figure]
    shown: list[Figure] = [*(figure for figure in figures if figure is not None), *more]
    policies = Items(tuple(arms) or tuple(f"**{policy.label}** {policy.description}" for policy in scenario.policy))
    asked: tuple[Block, ...] = (
        Prose(f"**What varies.** {about.varies}"), Prose(f"**What is fixed.** {about.fixed}"), policies,
    )  # fmt: skip
    sections = [Section("The question", "question", asked), Section("Results", "results", tuple(shown)),
                Section("Conclusions", "conclusions", (_rule(), _said(found)))]  # fmt: skip
    return Document(scenario.name, scenario.question, about.why, tuple(s for s in sections if s.blocks))


def _rule() -> Prose:
    return Prose(
        "Each sentence is an assertion on these results: it holds if the 95 % interval over replications says so in"
        " every case, and the numbers are those of the case that is nearest to the limit."
    )


def _said(found: Sequence[Verdict]) -> Items:
    return Items(tuple(f"{v.says} **{_SIGNS[v.outcome]}** ({v.shown})" for v in found))
