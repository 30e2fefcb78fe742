"""Services under test by URL: chapters 8 to 10 held against whatever answers at an origin.

Theory. A service is judged by what it answers and by what comes out of it, from the text of the standard and its
OpenAPI files alone. What has to be sealed, signed or checked, a partner program does through the line protocol; so
nothing here knows how any service is built.

======================  ======================================================
module                  holds
======================  ======================================================
`playing`               a run: order, restart, results
`cases`, `world`        what a test is; what tests share
`client`, `interface`   asking, and judging every answer by OpenAPI
`partner`               the program that seals
`owners`, `sockets`     people who receive
`listening`             the suite as a receiver
the others              tests, by service
======================  ======================================================
"""

from communicator_conformance.services.playing import REACHED, Asked, plan, play
from communicator_conformance.services.run import Report, examine
from communicator_conformance.services.world import PREFIX

__all__ = ["PREFIX", "REACHED", "Asked", "Report", "examine", "plan", "play"]
