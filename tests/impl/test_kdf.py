"""Keys are derived as the RFCs say, whichever way is the quicker one."""

import hmac

import pytest

from communicator_impl.kdf import hkdf, hkdf_expand, hkdf_extract, prf, prf_pair


@pytest.mark.parametrize("size", [0, 1, 31, 32, 63, 64])
@pytest.mark.parametrize("message", [b"", b"\x01", bytes(200)])
def test_a_prf_is_hmac_sha256(size: int, message: bytes) -> None:
    key = bytes(range(size))
    expected = hmac.digest(key, message, "sha256")
    assert prf(key, message) == expected
    assert prf_pair(key, message, b"other") == (expected, hmac.digest(key, b"other", "sha256"))


def test_a_key_that_would_have_to_be_hashed_is_refused() -> None:
    with pytest.raises(ValueError, match="hashed"):
        prf(bytes(65), b"")


@pytest.mark.parametrize(("info", "n"), [(b"f0", 1), (b"f0", 32), (b"", 33), (b"f0", 96)])
def test_hkdf_is_extract_and_then_expand(info: bytes, n: int) -> None:
    key, expected, block = hmac.digest(b"salt", b"secret", "sha256"), b"", b""
    for counter in range(1, n // 32 + 2):
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        expected += block
    assert hkdf_extract(b"salt", b"secret") == key
    assert hkdf_expand(key, info, n) == hkdf(b"salt", b"secret", info, n) == expected[:n]
