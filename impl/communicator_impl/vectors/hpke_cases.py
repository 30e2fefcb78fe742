"""Cases of the encryption underneath: RFC 9180, base mode, one message, no associated data.

They are for whoever builds from the bottom up; a testee that does not offer `hpke` is judged by what
it builds on it.
"""

from communicator_impl.entropy import SeededEntropy
from communicator_impl.hpke import derive_key_pair, public_key, seal
from communicator_impl.vectors.story import Case, Step, named_bytes
from communicator_spec.errors import ErrorClass

__all__ = ["hpke_cases"]

PAIR = derive_key_pair(named_bytes("hpke key"))
INFO = b"what the seal is bound to"
TEXT = b"a plaintext"
CLAUSES = ("ADDR-3",)


def _open(sealed: object) -> Step:
    return Step("open", "hpke.open", {"secret_key": PAIR.secret, "info": INFO, "sealed": sealed})


def hpke_cases() -> list[Case]:
    """Return all cases of sealed boxes."""
    box = seal(public_key(PAIR.public), INFO, TEXT, SeededEntropy(named_bytes("hpke seal")), "hpke")
    own = Step("seal", "hpke.seal", {"public_key": PAIR.public, "info": INFO, "plaintext": TEXT})
    opened = Case("hpke/open", "a sealed box", CLAUSES, (_open(box),))
    flipped = box[:40] + bytes([box[40] ^ 1]) + box[41:]

    def wrong(case: str, title: str, refusal: ErrorClass, **args: object) -> Case:
        return opened.refused(case, title, CLAUSES, refusal).changed("open", None, **args)

    return [
        Case("hpke/seal", "seal with the seed's ephemeral key", CLAUSES, (own,)),
        Case("hpke/round-trip", "seal and open", CLAUSES, (own, _open("$seal.sealed"))),
        opened,
        wrong("other-info", "bound to something else", ErrorClass.FORGED, info=INFO + b"!"),
        wrong("tampered", "one bit of the box", ErrorClass.FORGED, sealed=flipped),
        wrong("truncated", "shorter than any box", ErrorClass.MALFORMED, sealed=box[:47]),
    ]
