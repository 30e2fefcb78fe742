"""The scheme as it was drafted, before the repairs of this standard (messaging-interop, "Message Privacy in Transit").

A person and a receiving service agree on *one root*; the person's relationships get recipient-diversified addresses of
it, signed with *one key* that the service knows, by a signature scheme that is left open. Senders diversify again for
each message:

    RDA_j = j ‖ Diversify(r, pk_j)      RDAS_j = RDA_j ‖ Sign(j ‖ RDA_j, S_k)      SDA_k = k ‖ Diversify(RDAS_j, pk_k)

Diversify is public-key encryption. The draft's text of RDAS omits the RDA (T2); it is put in here, since nothing
resolves without it. What the draft leaves open is taken as its weakest reading: signatures of which the key can be
recovered (T1), one RDA for each relationship at each service. What it does not have, it does not have here: nothing
binds an address to a ciphertext (T3), nothing is spent and nothing expires (T4), and a root is a person's (T5, T6).
Everything else, sessions, tokens, connections, is that of the standard, so that what is found is the fault of the
addresses.
"""

from communicator_spec.formal.unlinkability.addressing import Granted, Profile, info, inner_key, outer_key
from communicator_spec.formal.unlinkability.terms import Term, constant, hpke, name, pair, pk, rsign, unpack
from communicator_spec.formal.unlinkability.things import Things

__all__ = ["DRAFTED"]


class _Drafted:
    """The address scheme of the drafts."""

    def root(self, things: Things, grant: Granted) -> Term:
        """One root for all relationships of a person at a service (T5)."""
        return name(f"root of {grant.person} at {grant.service}")

    def signer(self, grant: Granted) -> Term:
        """One signing key for all of them (T1)."""
        return name(f"signer of {grant.person} at {grant.service}")

    def verifies(self, things: Things, grant: Granted) -> Term:
        return pk(self.signer(grant))

    def registers(self, things: Things, grant: Granted) -> Term | None:
        return None

    def address(self, things: Things, grant: Granted, position: int) -> Term:
        """RDAS: the same for every message of a relationship; senders diversify it."""
        sealed = hpke(
            self.root(things, grant),
            pk(inner_key(grant.service)),
            info("inner", grant.service),
            name(f"diversification of {grant.root}"),
        )
        return pair(sealed, rsign(pair(constant("generation"), sealed), self.signer(grant)))

    def gives(self, things: Things, grant: Granted) -> Term:
        return self.address(things, grant, 0)

    def request(self, things: Things, service: int, address: Term, ciphertext: Term, randomness: Term) -> Term:
        """The ciphertext travels beside the SDA (T3)."""
        return pair(hpke(address, pk(outer_key(service)), info("outer", service), randomness), ciphertext)

    def resolves(self, things: Things, service: int, request: Term) -> tuple[Term, Term] | None:
        sealed, ciphertext = unpack(request, 2) or (request, request)
        opens = sealed.head == "hpke" and sealed.parts[1] is pk(outer_key(service))
        return (sealed.parts[0], ciphertext) if opens else None


DRAFTED: Profile = _Drafted()
