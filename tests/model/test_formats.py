"""Traces in other formats: what is read, what is dropped and counted, and which line is wrong."""

from pathlib import Path

import pytest

from communicator_model.formats import format_of, open_trace
from communicator_model.traces import BESIDE, Trace, TraceError

SMS = "timestamp,from,to\n18,370,512\n37,512,370\n37,4,4\n90,512,4\n"
MAILS = """\
from,to,subject,date
Ann@one.example,bob@two.example; Cem@three.example,,2024-05-01T10:00:00+02:00
bob@two.example,ANN@one.example,,1714550460
cem@three.example,cem@three.example,,2024-05-01T09:00:00
cem@three.example,,,2024-05-01T09:00:00
cem@three.example,{many},,2024-05-01T09:00:00
""".format(many=";".join(f"x{n}@y.example" for n in range(11)))
BOX = """\
From ann@one.example Wed May  1 10:00:00 2024
From: Ann <ann@one.example>
To: Bob <bob@two.example>, ann@one.example
Cc: "Cem, C." <cem@three.example>
Date: Wed, 01 May 2024 10:00:00 +0200
Message-ID: <1@one.example>

>From the beginning of a line in a body, and
To: nobody@else.example

From bob@two.example Wed May  1 10:10:00 2024
From: bob@two.example
To: ann@one.example
Date: Wed, 01 May 2024 08:10:00 -0000
Message-ID: <2@two.example>

From bob@two.example Wed May  1 10:10:00 2024
From: bob@two.example
To: ann@one.example
Date: Wed, 01 May 2024 08:10:00 -0000
Message-ID: <2@two.example>

From bob@two.example some day
From: bob@two.example
To: ann@one.example
Date: soon

From bob@two.example some day
From: bob@two.example
Date: Wed, 01 May 2024 08:10:00 -0000

"""


@pytest.fixture
def write(tmp_path: Path) -> Path:
    return tmp_path / "trace"


def of(text: str, path: Path) -> Trace:
    path.write_text(text, "utf-8")
    return open_trace(path)


def rows(trace: Trace) -> list[tuple[int, int, int]]:
    return list(trace.rows())


@pytest.mark.parametrize(
    ("text", "kind"), [(SMS, "copenhagen"), (MAILS, "mail-csv"), (BOX, "mbox"), ("1 2 3\n", "snap"), ("", "snap")]
)
def test_a_format_is_recognised_by_how_it_begins(text: str, kind: str) -> None:
    assert format_of(text.encode()) == kind


def test_sms_of_copenhagen(write: Path) -> None:
    trace = of(SMS, write)
    assert rows(trace) == [(0, 0, 1), (19_000, 1, 0), (72_000, 1, 2)]
    assert (trace.people, trace.dropped) == (3, (("to oneself", 1),))


def test_mails_as_a_table(write: Path) -> None:
    trace = of(MAILS, write)
    assert rows(trace) == [(0, 0, 1), (0, 0, 2), (60_000, 1, 0)]
    assert trace.origin_s == 1714550400
    assert dict(trace.dropped) == {"to oneself": 1, "to nobody": 1, "to more than 10 people": 1}


def test_a_mailbox_and_nothing_of_what_the_mails_say(write: Path) -> None:
    trace = of(BOX, write)
    assert rows(trace) == [(0, 0, 1), (0, 0, 2), (600_000, 1, 0)]
    assert dict(trace.dropped) == {
        "to oneself": 1, "to nobody": 1, "a copy of a mail that was read": 1, "without a date that can be read": 1,
    }  # fmt: skip


def test_loops_of_a_collection_of_mails_are_counted(write: Path) -> None:
    trace = of("1 2 5\n2 2 6\n3 3 7\n2 1 8\n", write)
    assert rows(trace) == [(0, 0, 1), (3000, 1, 0)]
    assert trace.dropped == (("to oneself", 2),)
    assert trace.restrict(2).dropped == trace.dropped


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (SMS + "5,6\n", "line 6: 2 fields instead of 3"),
        ("timestamp,from,to,duration\n1,2,3,40\n", "line 2: 4 fields instead of 3 (`timestamp,from,to`); calls"),
        (SMS + "5,x,7\n", "line 6: 'x' is not a whole number"),
        (SMS + "-5,6,7\n", "line 6: '-5' is not a whole number"),
        ("timestamp,from,to\n", "no message between two people"),
        ("timestamp,from,to\n1,2,2\n", "dropped: 1 to oneself"),
        ("from,to,date\na,b\n", "line 2: 2 fields instead of 3"),
        ("from,to,date\na,b,someday\n", "line 2: 'someday' is no date"),
        ("from,to,date\n,b,2024-05-01\n", "line 2: no sender"),
        ('from,to,date\na,"b,5\n', "line 2: unexpected end of data"),
        ("From me\nFrom: a@b.example, c@d.example\nTo: x@y.example\n", "line 1: 2 senders instead of 1"),
        ("From me\n\nText\n", "line 1: no headers of a mail"),
        ("5 5 5\n", "no message between two people"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_line_and_reason(write: Path, text: str, fault: str) -> None:
    with pytest.raises(TraceError) as caught:
        of(text, write)
    assert fault in str(caught.value)
    assert str(write) in str(caught.value)


def test_text_in_another_encoding_is_refused(write: Path) -> None:
    write.write_bytes(b"from,to,date\nann,b\xe9a,2024-05-01\n")
    with pytest.raises(TraceError, match="line 2: not UTF-8"):
        open_trace(write)


def test_the_published_sms_if_they_are_here() -> None:
    path = BESIDE / "copenhagen" / "sms.csv"
    if path.exists():
        trace = open_trace(path)
        assert (trace.messages, trace.people, trace.dropped) == (24_333, 568, ())
        assert round(trace.duration_ms / 86_400_000) == 28
