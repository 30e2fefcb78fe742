"""An adapter for somebody else's program: the Double Ratchet of the package `doubleratchet`, behind the line protocol.

Theory. The suite asks for one area of the standard, the ratchet, of a library that was written for another one. The
library has no header encryption and other key derivations, so its messages are not those of chapter 4: what compares
bytes fails, and is listed in `known.txt` with the reason. What asks for behaviour is judged all the same: order, loss,
repetition, spoilt messages, limits.

Rules:

1. What the library decides is left to it: nothing here repairs, remembers or refuses in its place.
2. Its exceptions are mapped to the classes of the standard in one table; anything else ends the program.
3. A message is its header and its ciphertext: ratchet key (32) ‖ previous length (u32) ‖ number (u32) ‖ ciphertext.

    pip install doubleratchet
    communicator conform --expectations known.txt -- python3 adapter.py
"""

import asyncio
import json
import struct
import sys
from typing import Any

from doubleratchet import (
    AuthenticationFailedException,
    DoSProtectionException,
    DuplicateMessageException,
    EncryptedMessage,
    Header,
)
from doubleratchet import DoubleRatchet as Library
from doubleratchet.recommended import (
    HashFunction,
    aead_aes_hmac,
    diffie_hellman_ratchet_curve25519,
    kdf_hkdf,
    kdf_separate_hmacs,
)
from doubleratchet.symmetric_key_ratchet import ChainNotAvailableException

HELLO = {
    "name": "doubleratchet",
    "version": "1.3.0",
    "language": "Python",
    "roles": ["rm"],
    "profiles": [],
    "suites": [1],
    "features": ["ratchet"],
}
HEADER = struct.Struct(">32sII")
CLASSES: dict[type[Exception], str] = {
    AuthenticationFailedException: "forged",
    DuplicateMessageException: "replayed",
    DoSProtectionException: "limit",
    ChainNotAvailableException: "refused",
}


class RootKdf(kdf_hkdf.KDF):
    """HKDF with a label of this adapter."""

    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256

    @staticmethod
    def _get_info() -> bytes:
        return b"communicator foreign root"


class ChainKdf(kdf_separate_hmacs.KDF):
    """HMAC-SHA256 for each of the two keys of a step."""

    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256


class Aead(aead_aes_hmac.AEAD):
    """AES-256-CBC with HMAC-SHA256, as the library recommends it."""

    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256

    @staticmethod
    def _get_info() -> bytes:
        return b"communicator foreign message"


class Ratchet(Library):
    """The library's ratchet, which binds the header as it travels."""

    @staticmethod
    def _build_associated_data(associated_data: bytes, header: Header) -> bytes:
        return associated_data + HEADER.pack(*header)


SETTINGS: dict[str, Any] = {
    "diffie_hellman_ratchet_class": diffie_hellman_ratchet_curve25519.DiffieHellmanRatchet,
    "root_chain_kdf": RootKdf,
    "message_chain_kdf": ChainKdf,
    "message_chain_constant": b"\x01\x02",
    "dos_protection_threshold": 1_000,
    "max_num_skipped_message_keys": 2_000,
    "aead": Aead,
}


class End:
    """One end of a conversation: the library makes its state with the first message."""

    def __init__(self, shared: bytes, *, peer: bytes | None = None, own: bytes | None = None) -> None:
        self.shared, self.peer, self.own = shared, peer, own
        self.ratchet: Ratchet | None = None

    async def encrypt(self, plaintext: bytes, associated: bytes) -> bytes:
        """Return the next message."""
        if self.ratchet is not None:
            message = await self.ratchet.encrypt_message(plaintext, associated)
        elif self.peer is not None:
            start = {"shared_secret": self.shared, "recipient_ratchet_pub": self.peer}
            made = await Ratchet.encrypt_initial_message(
                **SETTINGS, **start, message=plaintext, associated_data=associated
            )
            self.ratchet, message = made
        else:
            raise ChainNotAvailableException
        return HEADER.pack(*message.header) + message.ciphertext

    async def decrypt(self, message: bytes, associated: bytes) -> bytes:
        """Return the plaintext of a message."""
        if len(message) < HEADER.size:
            raise AuthenticationFailedException
        key, previous, number = HEADER.unpack_from(message)
        read = EncryptedMessage(Header(key, previous, number), message[HEADER.size :])
        if self.ratchet is not None:
            return await self.ratchet.decrypt_message(read, associated)
        start = {"shared_secret": self.shared, "own_ratchet_priv": self.own}
        made = await Ratchet.decrypt_initial_message(**SETTINGS, **start, message=read, associated_data=associated)
        self.ratchet, plaintext = made
        return plaintext


ENDS: dict[str, End] = {}


def added(end: End) -> dict[str, str]:
    """Keep an end behind a handle."""
    ENDS[handle := f"end-{len(ENDS)}"] = end
    return {"handle": handle}


def answered(op: str, args: dict[str, Any]) -> dict[str, Any] | None:
    """Answer an operation; null if there is none of this name."""
    given = {name: bytes.fromhex(args[name]) for name in ("associated", "plaintext", "message") if name in args}
    match op:
        case "hello":
            return HELLO
        case "ratchet.initiate":
            return added(End(bytes.fromhex(args["shared"]), peer=bytes.fromhex(args["peer_key"])))
        case "ratchet.respond":
            return added(End(bytes.fromhex(args["shared"]), own=bytes.fromhex(args["secret"])))
        case "ratchet.encrypt":
            made = asyncio.run(ENDS[args["ratchet"]].encrypt(given["plaintext"], given["associated"]))
            return {"message": made.hex()}
        case "ratchet.lose":
            for _ in range(args["count"]):
                asyncio.run(ENDS[args["ratchet"]].encrypt(b"", b""))
            return {}
        case "ratchet.decrypt":
            read = asyncio.run(ENDS[args["ratchet"]].decrypt(given["message"], given["associated"]))
            return {"plaintext": read.hex()}
        case _:
            return None


def main() -> None:
    """Read questions, write answers."""
    for line in sys.stdin:
        question = json.loads(line)
        answer: dict[str, Any] = {"id": question["id"]}
        try:
            result = answered(question["op"], question.get("args", {}))
            answer |= {"unsupported": True} if result is None else {"ok": result}
        except tuple(CLASSES) as error:
            answer["error"] = {"class": CLASSES[type(error)], "detail": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
