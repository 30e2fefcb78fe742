"""The figure of the study as a picture by itself: `python -m communicator_reports.figures RESULTS FILE.svg`.

For the README and other places that show one figure. It is drawn from a folder of results, like the report.
"""

import sys
from pathlib import Path

import vl_convert

from communicator_reports.figures.outcomes import undelivered
from communicator_reports.figures.sheet import picture
from communicator_reports.findings import load
from communicator_reports.measures import Estimates
from communicator_simulations.results import ResultsError


def main(arguments: list[str]) -> int:
    """Write the picture; return the exit code."""
    if len(arguments) != 2 or not arguments[1].endswith(".svg"):
        print("usage: python -m communicator_reports.figures RESULTS FILE.svg", file=sys.stderr)
        return 2
    try:
        findings = load(Path(arguments[0]))
        svg = vl_convert.vegalite_to_svg(picture(undelivered(findings, Estimates(findings))))
        Path(arguments[1]).write_text(svg, "utf-8")
    except ResultsError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
