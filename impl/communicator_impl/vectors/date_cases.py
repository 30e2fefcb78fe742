"""Cases of everything that has a date: one second before it, at it, and one second after.

Theory. An off-by-one in a comparison of dates shows at three seconds only. So for each date of the standard the same
step is asked at all three; which of them are taken is a row of a table, and nothing but the time differs.

Rules:

1. `date/NAME-before`, `-at` and `-after` are one second before the date, the date itself, one second after it.
2. A refusal stands beside the neighbour that is taken, and is followed by it.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from communicator_impl.addresses import Label, SealingKey, seal_labelled
from communicator_impl.addresses.schedule import SecretGeneration
from communicator_impl.entropy import SeededEntropy
from communicator_impl.keys import make_package
from communicator_impl.vectors.address_cases import (
    DAY,
    HOUR,
    INNER,
    OUTER,
    TEXT,
    UNTIL,
    URI,
    generation,
    issued,
    keys,
    load,
    register,
    sda,
)
from communicator_impl.vectors.directory_cases import BLAIR, KEY, LOG, contact_of, head_of, proof_of
from communicator_impl.vectors.directory_cases import URI as DIRECTORY
from communicator_impl.vectors.label_cases import label, labelled, register_epoch
from communicator_impl.vectors.resync_cases import answering
from communicator_impl.vectors.session_cases import ALICE, BOB, PACKAGE, accepting, own
from communicator_impl.vectors.story import NOW, Case, Step, named_bytes
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["date_cases"]

_SIDES: Final = ("before", "at", "after")
_SAID: Final = ("one second before", "at", "one second after")
_BEGIN, _END = NOW + DAY, NOW + 2 * DAY
_UNKNOWN, _EXPIRED, _FORGED = ErrorClass.UNKNOWN, ErrorClass.EXPIRED, ErrorClass.FORGED


class _Date(NamedTuple):
    """A date: what happens around it, and the class of the refusal on each side; None where the step is taken."""

    name: str
    title: str
    clause: str
    when: int
    steps: tuple[Step, ...]
    ruling: tuple[ErrorClass | None, ErrorClass | None, ErrorClass | None]


def _ends(refusal: ErrorClass) -> tuple[None, ErrorClass, ErrorClass]:
    return (None, refusal, refusal)


def _begins(refusal: ErrorClass) -> tuple[ErrorClass, None, None]:
    return (refusal, None, None)


def date_cases() -> list[Case]:
    """Return all cases of dates."""
    dates = (*_addresses(), *_generations(), *_sealing(), *_packages(), *_signed())
    return [case for date in dates for case in _around(date)]


def _around(date: _Date) -> Iterator[Case]:
    """Yield the three cases of a date; the positives come first, so that a negative has its twin."""
    cases = {}
    for i, side in enumerate(_SIDES):
        step = msgspec.structs.replace(date.steps[-1], now=date.when + i - 1)
        steps = (*date.steps[:-1], step)
        cases[side] = Case(f"date/{date.name}-{side}", f"{_SAID[i]} {date.title}", (date.clause,), steps)
    taken = [side for side, refusal in zip(_SIDES, date.ruling, strict=True) if refusal is None]
    for side, refusal in zip(_SIDES, date.ruling, strict=True):
        if refusal is None:
            yield cases[side]
            continue
        twin = cases[taken[-1] if side == "after" or side == "at" else taken[0]]
        wrong = twin.refused(f"{date.name}-{side}", cases[side].title, (date.clause,), refusal)
        yield wrong.changed(date.steps[-1].name, cases[side].steps[-1].now)


# -------------------------------------------------------------------- addresses and keys of a service


def _take(address: object) -> Step:
    return Step("take", "address.resolve", {"service": "$service.handle", "address": address, "ciphertext": TEXT})


def _open(sealed: object) -> Step:
    return Step("take", "label.resolve", {"service": "$service.handle", "sealed": sealed})


def _addresses() -> list[_Date]:
    first, second = (load(), register()), (load(), register_epoch())
    return [
        _Date("address", "the date of an address", "ADDR-16", UNTIL, (*first, _take(sda(issued(80)))), _ends(_EXPIRED)),
        _Date("epoch", "the date of an epoch", "ADDR-16", UNTIL, (*second, _open(labelled(label(3)))), _ends(_EXPIRED)),
    ]


def _generations() -> list[_Date]:
    """A key that has not begun, and one that has ended, of both kinds: a seal to it is unknown then."""
    brief, long = generation("brief", 9, _BEGIN, _END), generation("of all days", 4, NOW - DAY, NOW + 30 * DAY)
    outer, inner = load(keys(outer=(OUTER, brief))), load(keys(inner=(INNER, brief)))
    by_outer = sda(issued(81), key=SealingKey(URI, 9, brief.public.public))
    by_inner = sda(issued(82, until_s=_END - HOUR, schedule=keys(inner=(brief,)), now=_BEGIN))
    by_label = seal_labelled(
        Label(label(4)), TEXT, SealingKey(URI, 9, brief.public.public), SeededEntropy(named_bytes("brief label"))
    )
    lasting = sda(issued(83, until_s=long.public.not_after_s, schedule=keys(inner=(long,))))
    rows = (
        ("outer", "an outer key", (outer, register(), _take(by_outer))),
        ("outer-of-label", "an outer key of a label", (outer, register_epoch(), _open(by_label))),
    )
    found = [_Date("inner-begins", "the beginning of an inner key", "ADDR-14", _BEGIN,
                   (inner, register(), _take(by_inner)), _begins(_UNKNOWN))]  # fmt: skip
    for name, what, steps in rows:
        found.append(_Date(f"{name}-begins", f"the beginning of {what}", "ADDR-14", _BEGIN, steps, _begins(_UNKNOWN)))
        found.append(_Date(f"{name}-ends", f"the end of {what}", "ADDR-14", _END, steps, _ends(_UNKNOWN)))
    end, both = long.public.not_after_s, (load(keys(inner=(long,))), register(), _take(lasting))
    found.append(_Date("inner-ends", "the end of an inner key, with its last address", "ADDR-14", end, both,
                       _ends(_UNKNOWN)))  # fmt: skip
    return found


def _sealing() -> list[_Date]:
    """A sender has one outer key, and an owner one inner key."""
    brief = generation("brief", 9, _BEGIN, _END)
    config = keys(outer=(brief,), inner=(_lasting(brief),)).config().encode()
    seal = Step("seal", "address.diversify", {"address": issued(84), "config": config, "ciphertext": TEXT})
    by_label = Step("seal", "label.seal", {"label": label(5), "config": config, "ciphertext": TEXT})
    owner = {"root": named_bytes("root", 16), "signing_seed": named_bytes("signing"), "first": 40, "count": 1}
    issue = Step("issue", "address.issue", {**owner, "config": config, "valid_until_s": _END})
    rows = (("seal", "the outer key", seal), ("label-seal", "the outer key, for a label", by_label))
    found = [
        _Date("issue-begins", "the beginning of the inner key", "ADDR-9", _BEGIN, (issue,), _begins(_EXPIRED)),
        _Date("issue-ends", "the end of the inner key", "ADDR-9", _END, (issue,), _ends(_EXPIRED)),
    ]
    for name, what, step in rows:
        found.append(_Date(f"{name}-begins", f"the beginning of {what}", "ADDR-30", _BEGIN, (step,), _begins(_EXPIRED)))
        found.append(_Date(f"{name}-ends", f"the end of {what}", "ADDR-30", _END, (step,), _ends(_EXPIRED)))
    return found


def _lasting(of: SecretGeneration) -> SecretGeneration:
    return msgspec.structs.replace(of, public=msgspec.structs.replace(of.public, number=3))


# -------------------------------------------------------------------- packages


def _packages() -> list[_Date]:
    package = make_package(BOB, _BEGIN, 7 * DAY, SeededEntropy(named_bytes("dated package"))).package
    data, begin, end = package.encode(), package.not_before_s, package.not_after_s
    decode = Step("decode", "package.decode", {"package": data})
    start = Step("start", "session.start", {**own(ALICE), "package": data})
    contact = {"contact": contact_of(BLAIR).encode(), "entry": LOG[1].encode()}
    vended = Step("decode", "contact.decode", contact)
    last = make_package(BLAIR, NOW, 7 * DAY, SeededEntropy(named_bytes("contact"))).package
    grace = PACKAGE.not_after_s + PARAMETERS.session.package_grace_s
    found = [
        _Date("contact-begins", "the beginning of its package", "SES-5", last.not_before_s, (vended,),
              _begins(_EXPIRED)),
        _Date("contact-ends", "the end of its package", "SES-5", last.not_after_s, (vended,), _ends(_EXPIRED)),
        _Date("package-grace", "the last time to begin with a package", "SES-10", grace, (accepting(),),
              _ends(_FORGED)),
    ]  # fmt: skip
    for name, step in (("package", decode), ("start", start)):
        found.append(_Date(f"{name}-begins", "the beginning of a package", "SES-5", begin, (step,), _begins(_EXPIRED)))
        found.append(_Date(f"{name}-ends", "the end of a package", "SES-5", end, (step,), _ends(_EXPIRED)))
    return found


# -------------------------------------------------------------------- heads and restarts


def _signed() -> list[_Date]:
    """What was signed or made at a time is good for a while, the last second included."""
    keyed, oldest = {"uri": DIRECTORY, "key": KEY}, NOW + 2 * PARAMETERS.directory.head_max_age_s
    check = Step("check", "head.check", {**keyed, "head": head_of(LOG).encode()})
    proof = Step("check", "proof.check", {**keyed, "proof": proof_of(1).encode(), "name": "blair"})
    ruling, skew_s = (None, None, _EXPIRED), PARAMETERS.resync.clock_skew_s
    return [
        _Date("resync", "the greatest age of an opening", "PORT-20", NOW + skew_s, (answering(),), ruling),
        _Date("resync-early", "the earliest time by a slow clock", "PORT-20", NOW - skew_s, (answering(),),
              (_EXPIRED, None, None)),
        _Date("head", "the greatest age of a head", "DIR-18", oldest, (check,), ruling),
        _Date("proof", "the greatest age of the head of a proof", "DIR-18", oldest, (proof,), ruling),
    ]  # fmt: skip
