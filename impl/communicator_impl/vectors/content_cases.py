"""Cases of contents, attachments and fingerprints (chapters 10, 11 and 14).

A chunk has 65,536 bytes, so no vector carries one: steps make chunks from short plaintexts, and the last step refers to
them. `attachment.seal` is the forger: it seals whatever it is told.
"""

from communicator_impl import wire
from communicator_impl.entropy import SeededEntropy
from communicator_impl.keys import Identity
from communicator_impl.vectors.story import NOW, Case, Step, named_bytes
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["content_cases"]

_A, _C = PARAMETERS.attachment, PARAMETERS.content
_PLAIN = _A.chunk_plain_bytes
_ONE = _PLAIN - _A.length_bytes
"""The longest file of one chunk."""
_MOST = _A.file_bytes_max
_MOST_CONTENT = PARAMETERS.envelope.device_bytes_max
KEY = named_bytes("attachment key")
START = b"the first bytes of a file"
FORGED = ErrorClass.FORGED


def content_cases() -> list[Case]:
    """Return all cases of contents, attachments and fingerprints."""
    return [
        *_size_cases(),
        *_encryption_cases(),
        *_order_cases(),
        *_forger_cases(),
        *_content_cases(),
        *_attachment_field_cases(),
        *_fingerprint_cases(),
    ]


# -------------------------------------------------------------------- attachments


def _size(case: str, title: str, length: int) -> Case:
    return Case(f"attachment/{case}", title, ("ATT-4",), (Step("size", "attachment.size", {"length": length}),))


def _size_cases() -> list[Case]:
    largest = _size("size-largest", "the longest file takes 1,024 chunks", _MOST)
    over = largest.refused("size-too-large", "one byte more", ("ATT-4",), ErrorClass.TOO_LARGE)
    return [
        _size("size-empty", "an empty file is one chunk", 0),
        _size("size-one-chunk", "the longest file of one chunk", _ONE),
        _size("size-two-chunks", "one byte more takes two", _ONE + 1),
        _size("size-four-chunks", "three chunks become four", 2 * _PLAIN),
        largest,
        over.changed("size", length=_MOST + 1),
    ]


def _encrypt(length: int, file: bytes = START) -> Step:
    return Step("encrypt", "attachment.encrypt", {"key": KEY, "file": file, "length": length})


def _decrypt(length: int, source: str = "encrypt", **more: object) -> Step:
    return Step("decrypt", "attachment.decrypt", {"key": KEY, "length": length, "chunks": f"${source}.chunks", **more})


def _encryption_cases() -> list[Case]:
    small = len(START)
    steps = _encrypt(small), _decrypt(small, digest="$encrypt.digest")
    whole = Case("attachment/round-trip", "encrypt and decrypt", ("ATT-1", "ATT-2"), steps)

    def wrong(case: str, title: str, clause: str, **args: object) -> Case:
        return whole.refused(case, title, (clause,), FORGED).changed("decrypt", None, **args)

    return [
        Case("attachment/encrypt", "a file of one chunk", ("ATT-1",), (_encrypt(small),)),
        Case("attachment/encrypt-empty", "an empty file", ("ATT-1",), (_encrypt(0, b""),)),
        Case("attachment/encrypt-four", "a file of three chunks and a zero one", ("ATT-1",), (_encrypt(2 * _PLAIN),)),
        whole,
        wrong("other-digest", "another digest", "ATT-2", digest=named_bytes("another digest")),
        wrong("other-key", "another key", "ATT-2", key=named_bytes("another key")),
        whole.refused("key-of-31", "a key of 31 bytes", ("ATT-1",), ErrorClass.MALFORMED).changed(
            "decrypt", key=KEY[:31]
        ),
        wrong("states-longer", "the message states one byte more", "ATT-11", length=small + 1),
        wrong("states-shorter", "the message states one byte less", "ATT-11", length=small - 1),
        wrong("states-more-chunks", "the message states a file of two chunks", "ATT-2", length=_ONE + 1),
        whole.refused(
            "states-too-large", "the message states a length that no file has", ("ATT-4",), ErrorClass.TOO_LARGE
        ).changed("decrypt", None, length=_MOST + 1),
    ]


def _order_cases() -> list[Case]:
    length = 2 * _PLAIN
    whole = Case("attachment/four-chunks", "four chunks", ("ATT-1", "ATT-2"), (_encrypt(length), _decrypt(length)))

    def wrong(case: str, title: str, *places: int) -> Case:
        chunks = [f"$encrypt.chunks.{place}" for place in places]
        return whole.refused(case, title, ("ATT-2",), FORGED).changed("decrypt", chunks=chunks)

    return [
        whole,
        wrong("chunks-swapped", "two chunks in the other order", 0, 2, 1, 3),
        wrong("chunk-twice", "a chunk in the place of another", 0, 1, 1, 3),
        wrong("chunk-dropped", "the third of four chunks is missing", 0, 1, 3),
        wrong("last-chunk-dropped", "the last chunk is missing", 0, 1, 2),
        wrong("half-dropped", "half of the chunks is missing", 0, 1),
        wrong("chunk-added", "a fifth chunk", 0, 1, 2, 3, 3),
        wrong("chunks-missing", "no chunk"),
    ]


def _forger_cases() -> list[Case]:
    length, inside = _ONE + 9, (_ONE + 9).to_bytes(_A.length_bytes)
    plaintexts = [inside + START, b""]
    args = {"key": KEY, "count": 2, "last": 1, "plaintexts": plaintexts}
    steps = Step("seal", "attachment.seal", args), _decrypt(length, "seal")
    whole = Case("attachment/sealed-by-hand", "two chunks, each sealed at its place", ("ATT-1", "ATT-2"), steps)

    probe = steps[0].renamed("again"), _decrypt(length, "again").renamed("probe")

    def wrong(case: str, title: str, clause: str = "ATT-2", **args: object) -> Case:
        return whole.refused(case, title, (clause,), FORGED).changed("seal", None, **args).probed(*probe)

    def longer(by: int) -> list[bytes]:
        return [(length + by).to_bytes(_A.length_bytes) + START, b""]

    return [
        whole,
        wrong("last-unmarked", "no chunk is marked as the last", last=2),
        wrong("last-marked-early", "the first chunk is marked as the last", last=0),
        wrong("sealed-for-four", "both chunks are sealed as two of four", count=4),
        wrong("count-three", "three chunks", count=3, last=2, plaintexts=[*plaintexts, b""]),
        wrong(
            "more-than-needed", "four chunks where two are enough", count=4, last=3, plaintexts=[*plaintexts, b"", b""]
        ),
        wrong("padding-not-zero", "one after the file", plaintexts=[plaintexts[0], bytes(9) + b"\1"]),
        wrong("longer-inside", "a longer length inside", "ATT-11", plaintexts=longer(1)),
        wrong("shorter-inside", "a shorter length inside", "ATT-11", plaintexts=longer(-1)),
        wrong("beyond-the-end", "a length beyond the end inside", "ATT-11", plaintexts=longer(1 << 62)),
    ]


# -------------------------------------------------------------------- contents

PLACE = ["https://sending.example/v1/attachments/x", named_bytes("upload key"), named_bytes("digest"), NOW + 1_209_600]
FILE: dict[int, object] = {0: 48_213, 1: [PLACE], 2: "image/jpeg", 3: "lake.jpg"}
TEXT: dict[int, object] = {0: 1, 1: _C.text_type, 2: "schönen Morgen".encode()}


def _decode(value: object) -> Step:
    return Step("decode", "content.decode", {"content": wire.encode(value)})


def _told(person: dict[int, object]) -> dict[int, object]:
    return {0: 1, 1: _C.profile_type, 2: wire.encode(person)}


def _content_cases() -> list[Case]:
    text = Case("content/text", "a text", ("CONT-1",), (_decode(TEXT),))
    profile = Case("content/profile", "a profile with a picture", ("CONT-1",), (_decode(_told({0: "Alex", 2: FILE})),))
    longest = Case("content/longest-type", "a type of 127 bytes", ("CONT-1",), (_decode({**TEXT, 1: "x" * 127}),))
    words = {"type": _C.text_type, "data": TEXT[2], "attachments": []}
    encode = Case("content/encode", "the encoding of a text", ("CONT-1",), (Step("encode", "content.encode", words),))

    def wrong(of: Case, case: str, title: str, value: object) -> Case:
        refused = of.refused(case, title, ("CONT-1",), ErrorClass.MALFORMED)
        return refused.changed("decode", content=wire.encode(value))

    around = len(wire.encode({**TEXT, 2: bytes(2000)})) - 2000
    full, over = (wire.encode({**TEXT, 2: bytes(_MOST_CONTENT - around + more)}) for more in (0, 1))
    fullest = Case(
        "content/fullest", "2,900 bytes", ("CONT-1",), (Step("decode", "content.decode", {"content": full}),)
    )
    large = fullest.refused("too-large", "one byte more", ("CONT-1",), ErrorClass.TOO_LARGE)
    long = encode.refused("encode-type-too-long", "a type of 128 bytes", ("CONT-1",), ErrorClass.MALFORMED)
    return [
        text,
        Case(
            "content/unknown-type",
            "any bytes of a type that nobody knows",
            ("CONT-1",),
            (_decode({**TEXT, 1: "a", 2: b"\xff"}),),
        ),
        wrong(text, "unknown-version", "version 2", {**TEXT, 0: 2}),
        wrong(text, "unknown-field", "one more field", {**TEXT, 4: 0}),
        wrong(text, "no-data", "without data", {0: 1, 1: "text/plain"}),
        wrong(text, "empty-type", "an empty type", {**TEXT, 1: ""}),
        wrong(text, "text-not-utf8", "text that is not UTF-8", {**TEXT, 2: b"\xc3("}),
        longest,
        wrong(longest, "type-too-long", "a type of 128 bytes", {**TEXT, 1: "x" * 128}),
        profile,
        wrong(profile, "profile-without-name", "pronouns and no name", _told({1: "they"})),
        wrong(profile, "profile-name-too-long", "a name of 256 bytes", _told({0: "x" * 256})),
        fullest,
        large.changed("decode", content=over),
        encode,
        long.changed("encode", type="x" * 128),
    ]


def _attachment_field_cases() -> list[Case]:
    one = Case("content/attachment", "a text with a file", ("ATT-18",), (_decode({**TEXT, 3: [FILE]}),))
    bare = {k: v for k, v in FILE.items() if k != 3}
    eight = Case("content/eight-attachments", "eight files", ("ATT-12",), (_decode({**TEXT, 3: [bare] * 8}),))
    shown = {"length": 9, "locations": [PLACE], "type": "image/jpeg", "name": "lake.jpg"}
    words = {"type": _C.text_type, "data": TEXT[2], "attachments": [shown]}
    encode = Step("encode", "content.encode", words)

    def wrong(case: str, title: str, **fields: object) -> Case:
        changed = {**FILE, **{int(name[1:]): value for name, value in fields.items()}}
        refused = one.refused(case, title, ("ATT-18",), ErrorClass.MALFORMED)
        return refused.changed("decode", content=wire.encode({**TEXT, 3: [changed]}))

    nine = eight.refused("nine-attachments", "nine files", ("ATT-12",), ErrorClass.MALFORMED)
    none = one.refused("no-attachment", "an empty list", ("CONT-1",), ErrorClass.MALFORMED)
    return [
        one,
        Case("content/encode-attachment", "the encoding of a text with a file", ("ATT-18",), (encode,)),
        none.changed("decode", content=wire.encode({**TEXT, 3: []})),
        eight,
        nine.changed("decode", content=wire.encode({**TEXT, 3: [bare] * 9})),
        wrong("file-too-large", "a length that no upload has", f0=_MOST + 1),
        wrong("no-location", "no location", f1=[]),
        wrong("five-locations", "five locations", f1=[PLACE] * 5),
        wrong("uri-too-long", "a URI of 256 bytes", f1=[["x" * 256, *PLACE[1:]]]),
        wrong("name-with-slash", "a name that leads elsewhere", f3="../lake.jpg"),
        wrong("name-with-backslash", "a name that leads elsewhere on other systems", f3="..\\lake.jpg"),
        wrong("name-of-a-folder", "the folder above", f3=".."),
        wrong("name-with-control", "a line break in a name", f3="lake\n.jpg"),
        wrong("name-too-long", "a name of 256 bytes", f3="x" * 256),
    ]


# -------------------------------------------------------------------- fingerprints


def _fingerprint_cases() -> list[Case]:
    one, other = (Identity.generate(SeededEntropy(named_bytes(name))).public.to_bytes() for name in ("one", "other"))
    step = Step("compare", "identity.fingerprint", {"own": one, "peer": other})
    case = Case("identity/fingerprint", "twelve groups of digits", ("SEC-6",), (step,))
    turned = step.renamed("compare")
    swapped = Case("identity/fingerprint-swapped", "the same at the other end", ("SEC-6",), (turned,))
    forged = case.refused("fingerprint-unbound", "a binding that does not verify", ("SES-2",), FORGED)
    return [
        case,
        swapped.changed("compare", own=other, peer=one),
        forged.changed("compare", peer=other[:-1] + bytes([other[-1] ^ 1])),
    ]
