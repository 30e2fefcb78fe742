"""Unlinkability, symbolically: what each party can tell from bytes if cryptography is perfect.

Every view is generated from runs of the normative model (`facts`), written as terms (`terms`, `views`) in two worlds
(`things`), and the two are compared for every row of the knowledge table (`games`, `deduction`). The scheme as it was
drafted (`drafted`) and a list of weakenings (`weakenings`) show that the games find what there is to find; `forgery`
asks what can be made from captured requests. `python -m communicator_spec.formal.unlinkability` prints it all.

What is shown: on the runs that were played, no party of the table has a test, of any depth, for a relation that its row
forbids, with the equations of `terms`. What is *not* shown:

1. Whatever other runs would show. Stories and walks are bounded: two relationships, a few dozen steps of each.
2. Attackers who act on messages. Parties watch; of what they might send there are the model's junk and the forgeries of
   `forgery`. A service that answers selectively, marks keys (T8) or registers grants of its own is not modelled.
3. Algebra beyond the equations: no equations of groups (a Diffie-Hellman step is a fresh shared secret), no malleable
   ciphertexts, no collisions; key privacy of HPKE and AEAD is assumed, and that Ed25519 hides its key.
4. Times, lengths, order across places, volume, network addresses, names of operators: the linkage games measure them.
   Dates are public constants because they are rounded to hours; numbers are judged as constants and as counts
   (`things`).
5. Compromise over time: a correspondent holds all keys of its relationship, everybody else none. Devices, groups,
   attachments and recovery are not in the model.
"""

from communicator_spec.formal.unlinkability.deduction import Witness, distinguish
from communicator_spec.formal.unlinkability.forgery import Forgery, forge, stored_copies
from communicator_spec.formal.unlinkability.games import Link, Verdict, judge, links
from communicator_spec.formal.unlinkability.things import Counting, Scheme, World
from communicator_spec.formal.unlinkability.traces import Trace, stories, walks
from communicator_spec.formal.unlinkability.weakenings import WEAKENINGS, Weakening

__all__ = [
    "WEAKENINGS",
    "Counting",
    "Forgery",
    "Link",
    "Scheme",
    "Trace",
    "Verdict",
    "Weakening",
    "Witness",
    "World",
    "distinguish",
    "forge",
    "judge",
    "links",
    "stored_copies",
    "stories",
    "walks",
]
