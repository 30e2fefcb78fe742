"""The generator of the conformance suite's vectors: `python -m communicator_impl.vectors FOLDER`.

Theory. The reference implementation says what is right; the authors of cases say what is asked.
Vectors are committed, and a test generates them again and compares byte for byte: whoever changes
the behaviour of the reference sees every vector that changes with it.

Rules:

1. One file a case, `area/case.json`; the same bytes on every machine.
2. A case never changes its id; a case that asks something else is a new case.
3. Each negative stands beside the positive that it is made from.
"""

from communicator_impl.vectors.address_cases import address_cases
from communicator_impl.vectors.body_cases import body_cases
from communicator_impl.vectors.content_cases import content_cases
from communicator_impl.vectors.date_cases import date_cases
from communicator_impl.vectors.directory_cases import directory_cases
from communicator_impl.vectors.document_cases import document_cases
from communicator_impl.vectors.envelope_cases import envelope_cases
from communicator_impl.vectors.field_cases import field_cases
from communicator_impl.vectors.hpke_cases import hpke_cases
from communicator_impl.vectors.hybrid_cases import hybrid_cases
from communicator_impl.vectors.label_cases import label_cases
from communicator_impl.vectors.layout_cases import layout_cases
from communicator_impl.vectors.limit_cases import limit_cases
from communicator_impl.vectors.member_cases import member_cases
from communicator_impl.vectors.ratchet_cases import ratchet_cases
from communicator_impl.vectors.resync_cases import resync_cases
from communicator_impl.vectors.service_cases import service_cases
from communicator_impl.vectors.session_cases import session_cases
from communicator_impl.vectors.story import Case, render
from communicator_impl.vectors.token_cases import token_cases

__all__ = ["all_cases", "files"]


def all_cases() -> list[Case]:
    """Return every case of the suite."""
    areas = (
        *(hpke_cases, address_cases, label_cases, envelope_cases, body_cases, session_cases, ratchet_cases),
        *(service_cases, content_cases, token_cases, directory_cases, document_cases, resync_cases),
        *(date_cases, limit_cases, layout_cases, member_cases, field_cases, hybrid_cases),
    )
    return [case for area in areas for case in area()]


def files() -> dict[str, bytes]:
    """Return every vector's file by its place, `area/case.json`; about a second."""
    return {f"{case.id}.json": render(case) for case in all_cases()}
