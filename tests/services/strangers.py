"""What strangers send: submissions of every kind that a receiving service must answer alike, over a bare connection.

A kind is valid, or fails at one step of resolving; every kind has the outer form of a valid one, and its length. All
roots are on one service. `Line` is one connection that measures: bytes out, bytes in, nanoseconds between.
"""

import random
import re
import socket
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Self

import httpx
import msgspec
from tests.services.owning import DAY_S, ENTROPY, LabelOwner, TwoLayerOwner, accept, body, config_of, now_s, settled
from tests.services.running import Service

from communicator_impl import wire
from communicator_impl.addresses import Rdas, diversify, round_up_to_hour
from communicator_impl.document import base64url
from communicator_impl.envelope import TwoLayerRequest, decode_request

__all__ = ["FETCH_KINDS", "KINDS", "LABEL_KINDS", "Answer", "Line", "Senders", "http_request", "post"]

_PER_ROOT: Final = 512
_DATE: Final = re.compile(rb"\r\ndate: [^\r]*", re.IGNORECASE)
_HOUR_S: Final = 3600

KINDS: Final = ("valid", "replayed", "spent", "forged", "unsigned", "expired", "generation", "revoked", "garbage")
"""Kinds of two-layer/1; `forged`: a byte of the ciphertext changed; `unsigned`: signed by somebody else."""
LABEL_KINDS: Final = ("label valid", "label replayed", "label forged", "label revoked", "label garbage")
FETCH_KINDS: Final = ("unknown key", "near key", "gone key")


class Senders:
    """Makes requests of each kind for one service, as many as are wanted."""

    def __init__(self, client: httpx.Client, service: Service, chance: random.Random) -> None:
        self._client, self._chance = client, chance
        self._config = config_of(client, service.uri)
        self._number, self._place_two_layer, self._place_label = 0, 0, 0
        self._open = self._two_layer()
        self._window = LabelOwner(self._config).register(client)
        self._gone, self._gone_window = self._two_layer(), LabelOwner(self._config).register(client)
        for owner in (self._gone, self._gone_window):
            client.post("/v1/revoke", json={}, headers=owner.authority)
        self._used, self._used_window = self._two_layer(), LabelOwner(self._config).register(client)
        self._again, self._again_label = self._used.request(0, body(0)), self._used_window.request(0, body(0))
        for request in (self._again, self._again_label):
            assert accept(client, request) == 202
        for one in (self._used, self._used_window):
            assert len(settled(client, one, 1)) == 1
        self._makers: dict[str, Callable[[], bytes]] = {
            "valid": self._valid,
            "replayed": lambda: self._again,
            "spent": lambda: self._used.request(0, self._body()),
            "forged": lambda: self._changed(self._open.request(self._next(), self._body()), -1),
            "unsigned": self._unsigned,
            "expired": self._expired,
            "generation": lambda: self._changed(self._open.request(self._next(), self._body()), self._place),
            "revoked": lambda: self._gone.request(self._next(), self._body()),
            "garbage": self._garbage,
            "label valid": self._valid_label,
            "label replayed": lambda: self._again_label,
            "label forged": lambda: self._changed(self._window.request(0, self._body()), -1),
            "label revoked": lambda: self._gone_window.request(self._next() % _PER_ROOT, self._body()),
            "label garbage": lambda: self._again_label[:-2800] + self._chance.randbytes(2800),
        }

    def make(self, kind: str) -> bytes:
        """Return the bytes of one request."""
        return post(self._makers[kind]()) if kind in self._makers else self._fetch(kind)

    def submission(self, kind: str) -> bytes:
        """Return the body of one submission."""
        return self._makers[kind]()

    def _fetch(self, kind: str) -> bytes:
        """Return a fetch with a key that opens nothing: drawn, one bit beside one that does, or of what is gone."""
        near = bytearray(self._used.access_key)
        near[-1] ^= 1
        keys = {"unknown key": self._chance.randbytes(32), "near key": bytes(near), "gone key": self._gone.access_key}
        return http_request("GET", "/v1/messages", {"authorization": f"Bearer {base64url(keys[kind])}"})

    def _two_layer(self) -> TwoLayerOwner:
        return TwoLayerOwner(self._config).register(self._client)

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _body(self) -> bytes:
        return body(self._next())

    def _valid(self) -> bytes:
        """Use the next address; another root when this one has had its share."""
        place = self._place_two_layer = (self._place_two_layer + 1) % _PER_ROOT
        if place == 0:
            self._open = self._two_layer()
        return self._open.request(place, self._body())

    def _valid_label(self) -> bytes:
        place = self._place_label = (self._place_label + 1) % _PER_ROOT
        if place == 0:
            self._window = LabelOwner(self._config).register(self._client)
        return self._window.request(place, self._body())

    @property
    def _place(self) -> int:
        """Where the generation of the outer key is in a request."""
        form = decode_request(self._again)
        assert isinstance(form, TwoLayerRequest)
        return self._again.index(form.address)

    def _changed(self, request: bytes, place: int) -> bytes:
        data = bytearray(request)
        data[place] ^= 1
        return bytes(data)

    def _sealed(self, address: bytes) -> bytes:
        ciphertext = self._body()
        sealed = diversify(Rdas(address), self._config.sealing_key(now_s()), ciphertext, ENTROPY)
        return self._form(sealed, ciphertext)

    def _form(self, address: bytes, ciphertext: bytes) -> bytes:
        return wire.encode({0: 1, 1: 1, 2: address, 3: ciphertext})

    def _unsigned(self) -> bytes:
        other = msgspec.structs.replace(self._open.root, signing_seed=bytes(32))
        (address,) = other.issue(self._config, range(3, 4), round_up_to_hour(now_s() + DAY_S), now_s(), ENTROPY)
        return self._sealed(address)

    def _expired(self) -> bytes:
        until_s = round_up_to_hour(now_s()) - _HOUR_S
        (address,) = self._open.root.issue(self._config, range(3, 4), until_s, now_s(), ENTROPY)
        return self._sealed(address)

    def _garbage(self) -> bytes:
        address = self._again[self._place : self._place + 1] + self._chance.randbytes(185)
        return self._form(address, self._chance.randbytes(2800))


# -------------------------------------------------------------------- a connection


class Answer(NamedTuple):
    """What came back, without its date, and after how many nanoseconds."""

    data: bytes
    ns: int

    @property
    def status(self) -> int:
        """Status of the answer."""
        return int(self.data[9:12])


def http_request(method: str, path: str, headers: Mapping[str, str] | None = None, data: bytes = b"") -> bytes:
    """Return the bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "host: service", *(f"{k}: {v}" for k, v in (headers or {}).items())]
    if data or method == "POST":
        lines.append(f"content-length: {len(data)}")
    return "\r\n".join((*lines, "", "")).encode() + data


def post(data: bytes, path: str = "/v1/accept", media: str = "application/cbor") -> bytes:
    """Return the bytes of a submission to `/v1/accept`."""
    return http_request("POST", path, {"content-type": media}, data)


class Line:
    """One connection that stays open; `ask` sends bytes and reads one answer."""

    def __init__(self, port: int, timeout_s: float = 120.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, data: bytes) -> Answer:
        """Send and measure until the answer is whole; `OSError` if the connection ends before."""
        begin_ns = time.perf_counter_ns()
        self.send(data)
        got = self.read()
        return Answer(got, time.perf_counter_ns() - begin_ns)

    def send(self, data: bytes) -> None:
        """Send what the next answer is for."""
        self.socket.sendall(data)

    def read(self) -> bytes:
        """Read one answer; its date is left out."""
        got = b""
        while True:
            part = self.socket.recv(1 << 16)
            if not part:
                raise ConnectionResetError("the connection ended")
            got += part
            head, found, rest = got.partition(b"\r\n\r\n")
            if found and len(rest) >= _length(head):
                return _DATE.sub(b"", got)

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _length(head: bytes) -> int:
    found = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
    return int(found.group(1)) if found else 0
