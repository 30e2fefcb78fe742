"""Cases of sessions that begin anew after a restored backup (chapter 12.6): agreement, and which openings count."""

import msgspec

from communicator_impl import session
from communicator_impl.entropy import SeededEntropy
from communicator_impl.keys import Identity
from communicator_impl.session import Session
from communicator_impl.vectors.session_cases import ALICE, BOB, PACKAGE, accepting, started
from communicator_impl.vectors.story import NOW, Case, Step, named_bytes
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["answering", "resync_cases"]

_SKEW_S = PARAMETERS.resync.clock_skew_s
CAROL = Identity.generate(SeededEntropy(named_bytes("Carol")))


def _own(identity: Identity, peer: Identity) -> dict[str, object]:
    return {
        "signing_seed": identity.signing_seed,
        "verify_key": identity.public.sign,
        "agreement_secret": identity.agreement.secret,
        "peer": peer.public.to_bytes(),
    }


def _answer(ciphertext: object, newest_s: int = NOW - 1) -> Step:
    args = {**_own(BOB, ALICE), "newest_s": newest_s, "ciphertext": ciphertext}
    return Step("answer", "session.answer", args)


def answering() -> Step:
    """Return the step in which Bob answers an opening that Alice made at `NOW`."""
    return _answer(_first(_begun()), 0)


def _begun(own: Identity = ALICE, made_s: int = NOW) -> Session:
    return session.restart(own, BOB.public, made_s, SeededEntropy(named_bytes("Alice begins anew")))


def _first(begun: Session) -> bytes:
    return session.seal(begun, b"RESYNC", SeededEntropy(named_bytes("Alice seals anew")))[1]


def _again(made_s: int = NOW) -> bytes:
    return _first(session.again(ALICE, started(), made_s, SeededEntropy(named_bytes("Alice begins again"))))


def _named(name: bytes) -> bytes:
    begun = _begun()
    assert begun.opening is not None
    return _first(msgspec.structs.replace(begun, opening=msgspec.structs.replace(begun.opening, package_id=name)))


def _turned(name: str, op: str, on: str, **args: object) -> Step:
    return Step(name, f"session.{op}", {"session": f"${on}.handle", **args})


def resync_cases() -> list[Case]:
    """Return all cases of sessions that begin anew."""
    talk = (
        Step("restart", "session.restart", _own(ALICE, BOB)),
        _turned("first", "seal", "restart", body=b"RESYNC"),
        _answer("$first.ciphertext"),
        _turned("receipt", "seal", "answer", body=b"what I have seen"),
        _turned("read", "open", "restart", ciphertext="$receipt.ciphertext"),
    )
    good = _first(_begun())
    answer = Case("resync/answer", "an opening that was made now", ("PORT-19", "PORT-20"), (_answer(good),))
    old, early = _first(_begun(made_s=NOW - _SKEW_S)), _first(_begun(made_s=NOW + _SKEW_S))
    oldest = Case("resync/oldest", "an opening of a day ago", ("PORT-20",), (_answer(old, 0),))
    earliest = Case(
        "resync/earliest", "an opening of tomorrow, by a clock that is wrong", ("PORT-20",), (_answer(early),)
    )
    forged, replayed, expired = ErrorClass.FORGED, ErrorClass.REPLAYED, ErrorClass.EXPIRED
    plain_name = named_bytes("a package", PARAMETERS.session.package_id_bytes)
    as_package = session.seal(
        session.start(ALICE, PACKAGE, NOW, SeededEntropy(named_bytes("Alice starts"))), b"", SeededEntropy(b"")
    )[1]

    def wrong(of: Case, case: str, title: str, refusal: ErrorClass, ciphertext: bytes, clause: str = "PORT-20") -> Case:
        return of.refused(case, title, (clause,), refusal).changed("answer", ciphertext=ciphertext)

    return [
        *_package_cases(),
        Case("resync/conversation", "two ends begin anew, both by the testee", ("PORT-19",), talk),
        answer,
        wrong(answer, "stranger", "somebody else begins anew", forged, _first(_begun(CAROL)), "PORT-19"),
        wrong(
            answer,
            "package-name",
            "the name of a package where the time belongs",
            forged,
            _named(plain_name),
            "PORT-19",
        ),
        wrong(answer, "ordinary", "the opening of an ordinary session", forged, as_package, "PORT-19"),
        answer.refused("replayed", "as late as one that was adopted", ("PORT-20",), replayed).changed(
            "answer", newest_s=NOW
        ),
        oldest,
        wrong(oldest, "too-old", "a second older", expired, _first(_begun(made_s=NOW - _SKEW_S - 1))),
        earliest,
        wrong(earliest, "too-early", "a second later", expired, _first(_begun(made_s=NOW + _SKEW_S + 1))),
    ]


def _package_cases() -> list[Case]:
    """Return the cases of somebody who begins again with the package, because nobody has answered yet."""
    found: list[Case] = []
    for name, title, away_s in (("old", "ten days ago", -10 * _SKEW_S), ("earliest", "tomorrow", _SKEW_S)):
        found.append(Case(f"resync/package-{name}", title, ("PORT-20", "PORT-31"), (accepting(_again(NOW + away_s)),)))
    beyond = accepting(_again(NOW + _SKEW_S + 1)).args["ciphertext"]
    refused = found[-1].refused("package-earliest-beyond", "tomorrow and a second", ("PORT-20",), ErrorClass.EXPIRED)
    found.append(refused.changed("accept", ciphertext=beyond))
    now = Case("resync/package", "begun again with the package", ("PORT-31",), (accepting(_again()),))
    of_zeros = accepting(_again(0)).args["ciphertext"]
    never = now.refused("package-no-time", "at no time", ("PORT-20",), ErrorClass.REPLAYED)
    return [now, never.changed("accept", ciphertext=of_zeros), *found]
