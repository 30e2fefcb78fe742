"""Mutants of the real cores: each breaks one promise by one small method, and the common log shows it.

Theory. Equal logs prove something only if a core that does wrong makes them differ. Each mutant replaces one part of
the reference implementation by one of `broken_cores`, so that everything else is the reference; it runs in the harsh
scenario beside the model, and its log parts from the model's at a kind of event that is known beforehand.

Rules:

1. Each mutant: the clauses that it breaks, what it does wrong, its parts, the kind of event that is missing or too
   much where the logs part, the invariant that notices without any model (None: what it breaks is a rule of conduct,
   and no outcome within this scenario), and the policy and fault under which all that shows.
2. Names say what the mutant does wrong.
3. A promise that is kept twice needs two broken parts.
"""

from typing import Final, NamedTuple

from communicator_model.faults import FaultKind
from communicator_simulations.faults import broken_cores as broken
from communicator_simulations.real import Parts
from communicator_spec import Kind

__all__ = ["MUTANTS", "Mutant"]


class Mutant(NamedTuple):
    """One broken set of cores, and how it shows."""

    clauses: tuple[str, ...]
    breaks: str
    parts: Parts
    parts_at: Kind
    invariant: str | None
    policy: str = "one"
    fault: FaultKind = FaultKind.SUNSET


MUTANTS: Final = {
    "adopts nothing": Mutant(
        ("STATE-1",), "keeps the first set of the peer for ever",
        Parts(peer=broken.AdoptsNothing), Kind.UPDATED, None,
    ),
    "adopts anything": Mutant(
        ("STATE-1",), "lets an older set replace a newer one",
        Parts(peer=broken.AdoptsAnything), Kind.UPDATED, "sets-only-grow",
    ),
    "never advances": Mutant(
        ("ADDR-25",), "sends everything to the same address",
        Parts(peer=broken.NeverAdvances), Kind.SENT, "single-use",
    ),
    "ignores dates": Mutant(
        ("STATE-3",), "sends to addresses that have expired",
        Parts(peer=broken.IgnoresDates), Kind.SENT, "no-expired-address",
    ),
    "prefers long-term": Mutant(
        ("STATE-7",), "uses a long-term grant beside a usable ephemeral one",
        Parts(peer=broken.PrefersLongTerm), Kind.SENT, None,
    ),
    "attaches no set": Mutant(
        ("STATE-15",), "never tells the peer of new addresses",
        Parts(outbox=broken.AttachesNoSet), Kind.UPDATED, None,
    ),
    "claims too much": Mutant(
        ("DELIV-12",), "acknowledges a message that it does not hold",
        Parts(outbox=broken.ClaimsTooMuch, inbox=broken.SuspectsNothing), Kind.ACKNOWLEDGED, "nothing-lost",
    ),
    "never escalates": Mutant(
        ("DELIV-9",), "sends each message once",
        Parts(outbox=broken.NeverEscalates), Kind.SENT, None,
    ),
    "fails in silence": Mutant(
        ("DELIV-10",), "gives a message up and tells nobody",
        Parts(outbox=broken.FailsInSilence), Kind.FAILED, "nothing-lost", fault=FaultKind.DEATH,
    ),
    "forgets what it sent": Mutant(
        ("DELIV-3",), "drops a message that is under way",
        Parts(outbox=broken.ForgetsWhatItSent), Kind.ACKNOWLEDGED, "nothing-lost", fault=FaultKind.DEATH,
    ),
    "counts no credit": Mutant(
        ("STATE-12",), "announces renewals beyond what people caused",
        Parts(outbox=broken.CountsNoCredit), Kind.SENT, "human-rate", "two",
    ),
    "announces nothing": Mutant(
        ("STATE-24",), "moves and waits until somebody writes",
        Parts(outbox=broken.AnnouncesNothing), Kind.ISSUED, None,
    ),
    "tells one service only": Mutant(
        ("DELIV-15",), "announces a move on one path",
        Parts(outbox=broken.TellsOneServiceOnly), Kind.SENT, None, "two",
    ),
    "trusts silent services": Mutant(
        ("DELIV-6",), "sends on to a service that does not answer",
        Parts(outbox=broken.TrustsSilentServices), Kind.SENT, None, "two",
    ),
    "uses one sender": Mutant(
        ("DELIV-5",), "never takes the other sending service",
        Parts(outbox=broken.UsesOneSender), Kind.SENT, None, "two",
    ),
    "takes no turns": Mutant(
        ("DELIV-8",), "always takes the same receiving service",
        Parts(outbox=broken.TakesNoTurns), Kind.SENT, None, "two",
    ),
    "uses a number twice": Mutant(
        ("DELIV-1",), "gives two messages one number",
        Parts(outbox=broken.UsesANumberTwice, inbox=broken.SuspectsNothing), Kind.ACCEPTED, "exactly-once",
    ),
    "ignores receipts": Mutant(
        ("DELIV-9",), "goes on sending what the peer has",
        Parts(inbox=broken.IgnoresReceipts), Kind.ACKNOWLEDGED, None,
    ),
    "receipts at once": Mutant(
        ("DELIV-14",), "answers without delay",
        Parts(inbox=broken.ReceiptsAtOnce), Kind.SENT, None,
    ),
    "receipts for everything": Mutant(
        ("DELIV-13", "STATE-13"), "acknowledges receipts",
        Parts(inbox=broken.ReceiptsForEverything), Kind.SENT, None,
    ),
    "delivers copies": Mutant(
        ("DELIV-2",), "hands a message over each time it arrives",
        Parts(inbox=broken.DeliversCopies), Kind.DELIVERED, "exactly-once",
    ),
    "waits for the next pause": Mutant(
        ("DELIV-19",), "does not hurry when a newer set arrives",
        Parts(inbox=broken.WaitsForTheNextPause), Kind.SENT, None, fault=FaultKind.DEATH,
    ),
    "never renews": Mutant(
        ("STATE-6",), "lets its addresses expire",
        Parts(own=broken.NeverRenews), Kind.ISSUED, None,
    ),
    "stays where it was": Mutant(
        ("STATE-9",), "issues at the service that it leaves",
        Parts(own=broken.StaysWhereItWas), Kind.ISSUED, "no-return",
    ),
    "releases at once": Mutant(
        ("STATE-10",), "gives a service up while addresses there live",
        Parts(own=broken.ReleasesAtOnce), Kind.RELEASED, "safe-departure",
    ),
    "leaves at once": Mutant(
        ("STATE-11",), "leaves a service that addresses point to",
        Parts(manager=broken.LeavesAtOnce), Kind.LEFT, "safe-departure",
    ),
    "forgets what is spent": Mutant(
        ("ADDR-17",), "takes an address twice",
        Parts(receiving=broken.ForgetsWhatIsSpent), Kind.STORED, "only-peers",
    ),
    "revokes nothing": Mutant(
        ("ADDR-24",), "stores messages of somebody who was refused",
        Parts(receiving=broken.RevokesNothing), Kind.STORED, None,
    ),
    "listens after the end": Mutant(
        ("DELIV-23",), "hands over messages of somebody who was refused",
        Parts(own=broken.KeepsItsKeys, inbox=broken.ListensAfterTheEnd, receiving=broken.RevokesNothing),
        Kind.STORED, "only-peers",
    ),
    "keeps what is confirmed": Mutant(
        ("DELIV-26",), "offers the same messages at every fetch",
        Parts(receiving=broken.KeepsWhatIsConfirmed), Kind.CONFIRMED, None,
    ),
    "never gives up": Mutant(
        ("DELIV-11",), "posts after the not-after time",
        Parts(sending=broken.NeverGivesUp), Kind.GAVE_UP, None,
    ),
    "gives up early": Mutant(
        ("DELIV-21",), "drops what a receiving service did not take within an hour",
        Parts(sending=broken.GivesUpEarly), Kind.GAVE_UP, None,
    ),
    "retries without jitter": Mutant(
        ("DELIV-11",), "retries at predictable times",
        Parts(sending=broken.RetriesWithoutJitter), Kind.STORED, None,
    ),
    "reports no silence": Mutant(
        ("DELIV-24",), "never tells a device that a service does not answer",
        Parts(sending=broken.ReportsNoSilence), Kind.SENT, None, "two",
    ),
}  # fmt: skip
