"""Bodies and ciphertexts as terms (chapters 3 and 4).

A ciphertext is salt, sealed header and sealed body; before the first reply an opening, sealed to the prekey, stands in
front. The chain of a turn begins with a key of its own, because a Diffie-Hellman step stands before it: what that step
contributes is taken for a fresh secret of both ends. All bodies have one length, so padding is no term.
"""

from typing import NamedTuple

from communicator_spec.formal.generated import Body, Grant
from communicator_spec.formal.unlinkability.addressing import Granted, Profile, uri
from communicator_spec.formal.unlinkability.terms import Term, aead, constant, digest, hpke, mac, name, pair, pk
from communicator_spec.formal.unlinkability.things import Things, Transmission

__all__ = ["Session", "Writer", "granted"]

MESSAGE = 0


def granted(owner: str, person: str, end: int, grant: Grant) -> Granted:
    """Return a grant of the model as a thing."""
    return Granted(owner, person, end, grant.service, grant.serial, grant.until, grant.capacity, grant.longTerm)


class Session(NamedTuple):
    """The secrets of one end's turn in a session, and the identities of both ends."""

    owner: str
    relationship: int
    sender: int
    turn: int

    @property
    def text(self) -> str:
        """The text with which its names begin."""
        return f"turn {self.turn} of end {self.sender} of {self.owner}"

    def header_key(self) -> Term:
        """Return the key that seals headers."""
        return name(f"header key, {self.text}")

    def chain(self) -> Term:
        """Return the first chain key of the turn."""
        return name(f"chain key, {self.text}")

    def identity(self, things: Things, end: int) -> Term:
        """Return the secret identity of an end: one for each relationship (SES-1)."""
        person = things.person(self.relationship, end)
        return name(f"identity of {person if things.has('one identity') else f'end {end} of {self.owner}'}")

    def prekey(self) -> Term:
        """Return the secret prekey of end 1, to which openings are sealed."""
        return name(f"prekey of {self.owner}")

    def data(self, things: Things) -> Term:
        """AD: both identities (SES-8)."""
        return digest(pair(*(pk(self.identity(things, end)) for end in (0, 1))))


class Writer:
    """Writes what a transmission carries, in one world."""

    def __init__(self, things: Things, profile: Profile) -> None:
        self.things, self.profile = things, profile
        self._entries: dict[Granted, Term] = {}  # a set travels many times

    def ciphertext(self, t: Transmission, owner: str, body: Body) -> Term:
        """Return salt ‖ sealed header ‖ sealed body, after an opening if there is one (SES-9, SES-12, SES-13)."""
        things = self.things
        session = Session(owner, t.relationship, t.sender, t.turn)
        stamp = self.stamp(t)
        salt, data = name(f"salt, {stamp}, end {t.sender} of {owner}"), session.data(things)
        at = things.count(f"messages of {session.text}", t.step)
        header = pair(pk(name(f"ratchet key, {session.text}")), at)
        sealed = header if things.has("header in clear") else aead(header, session.header_key(), salt, data)
        key = mac(self.message_key(session, t.step), pair(constant("ratchet message"), salt))
        text = aead(self.body(t, owner, body), key, constant("zero nonce"), pair(data, salt, sealed))
        message = pair(salt, sealed, text)
        return pair(self.opening(t, session, stamp, message), message) if t.opens and t.sender == 0 else message

    def stamp(self, t: Transmission) -> str:
        """Return what a transmission's randomness is drawn for: itself, not its message (SES-23)."""
        return (
            f"message {self.things.message(t)}" if self.things.has("same bytes again") else f"transmission {t.ordinal}"
        )

    def message_key(self, session: Session, step: int) -> Term:
        """mk = HMAC(ck, 1), next ck = HMAC(ck, 2) (SES-13)."""
        chain = session.chain()
        for _ in range(step):
            chain = mac(chain, constant("2"))
        return mac(chain, constant("1"))

    def opening(self, t: Transmission, session: Session, stamp: str, message: Term) -> Term:
        """The identity of who begins, sealed to the prekey, afresh and bound to the message (SES-9)."""
        things = self.things
        inside = pair(pk(session.identity(things, 0)), pk(name(f"opening key of {session.owner}")))
        if things.has("opening repeated"):
            return hpke(inside, pk(session.prekey()), constant("opening"), name(f"opening of {session.owner}"))
        if things.has("opening in clear"):
            return inside
        bound = pair(constant("opening"), digest(message))
        return hpke(inside, pk(session.prekey()), bound, name(f"opening, {stamp}, of {session.owner}"))

    def body(self, t: Transmission, owner: str, b: Body) -> Term:
        """Return a body: kind, number, receipt, versions, set and content (ENV-14, DELIV-17, STATE-15, STATE-16)."""
        things, sender, recipient = self.things, t.sender, t.recipient
        numbered = f"messages of end {sender} of {owner}"
        if things.message(t) != t.first:
            numbered += f" instead of {t.ordinal}"
        if things.has("one numbering"):
            numbered = f"messages of {things.person(t.relationship, sender)}"
        received = f"messages of end {recipient} of {owner}"
        if things.has("one receipt"):
            received = f"what {things.person(t.relationship, sender)} received"
        floor = [things.count(received, n) for n in (b.floor, *sorted(b.above))]
        holds = things.count(f"versions of end {recipient} of {owner}", b.holds)
        number = things.count(numbered, b.number) if b.command == MESSAGE else constant("no number")
        content = (
            name(f"content {things.message(t)} of end {sender} of {owner}")
            if b.command == MESSAGE
            else constant("none")
        )
        return pair(constant(f"kind {b.command}"), number, holds, content, pair(*floor), self.set_of(t, owner, b))

    def set_of(self, t: Transmission, owner: str, b: Body) -> Term:
        """Return the sender's complete address set, if the body has one."""
        if not b.news:
            return constant("no set")
        person = self.things.person(t.relationship, t.sender)
        entries = [self.entry(granted(owner, person, t.sender, g)) for g in b.grants]
        return pair(self.things.count(f"versions of end {t.sender} of {owner}", b.version), *entries)

    def entry(self, grant: Granted) -> Term:
        """Return what a set says of a grant: service, number, kind, date, capacity, and what makes its addresses."""
        if grant not in self._entries:
            self._entries[grant] = self._entry(grant)
        return self._entries[grant]

    def _entry(self, grant: Granted) -> Term:
        number = self.things.count(f"epochs of {grant.root}", grant.serial)
        kind = constant(f"{'long-term' if grant.long_term else 'ephemeral'}, {grant.capacity}")
        date = self.things.date(grant.person, grant.until)
        return pair(uri(grant.service), number, kind, date, self.profile.gives(self.things, grant))
