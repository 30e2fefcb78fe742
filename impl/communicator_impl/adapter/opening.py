"""What a person's device opened: what a correspondent knows, for the judges of privacy.

Theory. Whether two relationships of one person can be told to be hers is judged by what her correspondents have read.
The line protocol hands content on and keeps the rest of a body inside; a role with the feature `opened` shows it whole.

Rules:

1. A body is shown as it was encoded; there is one encoding, so it is written again.
2. The address set of a first meeting is shown as a set.
"""

from communicator_impl.body import Body, encode_body
from communicator_impl.inbox import Inbox
from communicator_impl.particle import Particle
from communicator_impl.relationship_manager import RelationshipManager

__all__ = ["manager_that_shows"]


def manager_that_shows(opened: list[bytes]) -> type[RelationshipManager]:
    """Return the reference's manager, which also appends each body that it opens."""

    class ShowingInbox(Inbox):
        def _open(self, p: Particle, ciphertext: bytes) -> Body:
            body = super()._open(p, ciphertext)
            opened.append(encode_body(body))
            return body

    class ShowingManager(RelationshipManager):
        inbox_type = ShowingInbox

    return ShowingManager
