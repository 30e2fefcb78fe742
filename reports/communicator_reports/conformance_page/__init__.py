"""What an implementer sends to others: the verdict as one page, the matrix as one page, and a badge.

::

    page = render_run(verdict, command, vectors)      # HTML: head, meetings, tests to drill into, clauses
    page = render_matrix(cells, programs, command)    # HTML: every program with every other
    badge = render_badge(verdict)                     # SVG
"""

from communicator_reports.conformance_page.badge import render_badge
from communicator_reports.conformance_page.pages import render_matrix, render_run
from communicator_reports.conformance_page.standing import Standing, standing

__all__ = ["Standing", "render_badge", "render_matrix", "render_run", "standing"]
