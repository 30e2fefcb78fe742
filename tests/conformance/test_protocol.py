"""The line protocol is read strictly: what is not an answer is garbage."""

import pytest

from communicator_conformance.errors import Garbage
from communicator_conformance.protocol import (
    Accepted,
    Ignored,
    Rejected,
    Unsupported,
    decode_answer,
    decode_hello,
    encode_request,
)
from communicator_spec.errors import ErrorClass

HELLO = b'{"name":"n","version":"1","language":"l","roles":["rm"],"profiles":[],"suites":[1]}'


def test_each_kind_of_answer_is_read() -> None:
    assert decode_answer(b'{"id":2,"ok":{"a":"00"}}\n', 2) == Accepted({"a": "00"})
    assert decode_answer(b'{"id":2,"ok":{"ignored":true}}\n', 2) == Ignored()
    assert decode_answer(b'{"id":2,"unsupported":true}\n', 2) == Unsupported()
    refused = decode_answer(b'{"id":2,"error":{"class":"too-large","detail":"4097"}}\n', 2)
    assert refused == Rejected(ErrorClass.TOO_LARGE, "4097")


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"starting up\n",
        b'{"id":3,"ok":{}}\n',  # the answer to another request
        b'{"id":"2","ok":{}}\n',
        b'{"id":2}\n',
        b'{"id":2,"ok":{},"unsupported":true}\n',
        b'{"id":2,"unsupported":false}\n',
        b'{"id":2,"ok":[]}\n',
        b'{"id":2,"ok":{},"took_ms":3}\n',
        b'{"id":2,"error":{"class":"wrong"}}\n',
        b'{"id":2,"error":{"class":"expired","code":7}}\n',
        b'{"id":2,"error":"expired"}\n',
    ],
)
def test_everything_else_is_garbage(line: bytes) -> None:
    with pytest.raises(Garbage):
        decode_answer(line, 2)


def test_a_hello_names_roles_profiles_and_features() -> None:
    hello = decode_hello(b'{"id":1,"ok":' + HELLO + b"}", 1)
    assert hello.offers == {"rm"}


@pytest.mark.parametrize("hello", [HELLO.replace(b'"roles"', b'"rolls"'), b"{}", HELLO.replace(b"[1]", b"1")])
def test_a_hello_with_other_fields_is_garbage(hello: bytes) -> None:
    with pytest.raises(Garbage):
        decode_hello(b'{"id":1,"ok":' + hello + b"}", 1)


def test_a_request_is_one_line_with_time_and_entropy() -> None:
    line = encode_request(7, "label.derive", 1_767_225_600, "00ff", {"lane": 0})
    assert line == (
        b'{"id":7,"op":"label.derive","now":1767225600,"entropy":"00ff","args":{"lane":0}}\n'
    )  # fmt: skip
