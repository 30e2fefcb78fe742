"""URIs of services: one way to write each, and everything else is no service."""

import pytest

from communicator_spec.origin import ORIGIN_PATTERN, is_origin

GOOD = [
    "https://a.example",
    "https://a.example:8443",
    "https://xn--bcher-kva.example",
    "https://localhost",
    "https://192.0.2.7",
    "https://[2001:db8::1]:444",
    "https://x:65535",
    "https://x:80",
    "http://localhost:8080",
    "http://127.0.0.1",
    "http://[::1]:443",
    "https://" + ".".join(["a" * 59] * 2),
]

BAD = {
    "nothing": "",
    "a path": "https://a.example/x",
    "a slash at the end": "https://a.example/",
    "a query": "https://a.example?x",
    "a fragment": "https://a.example#x",
    "a host in upper case": "https://A.example",
    "a scheme in upper case": "HTTPS://a.example",
    "another scheme": "ftp://a.example",
    "no scheme": "a.example",
    "no TLS": "http://a.example",
    "no TLS at a name that begins like a loopback": "http://localhost.example",
    "a user": "https://u@a.example",
    "the usual port": "https://a.example:443",
    "the usual port of http": "http://localhost:80",
    "an empty port": "https://a.example:",
    "port 0": "https://a.example:0",
    "a port with a zero in front": "https://a.example:08443",
    "a port beyond": "https://a.example:65536",
    "an empty host": "https://",
    "an empty host with a port": "https://:8443",
    "an empty label": "https://a..example",
    "a dot at the end": "https://a.example.",
    "a hyphen in front": "https://-a.example",
    "an underscore": "https://a_b.example",
    "a percent": "https://a%2eexample",
    "another script": "https://é.example",
    "digits of another script": "https://a.example:٣",
    "a line end": "https://a.example\n",
    "a NUL": "https://a.example\0",
    "half a surrogate": "https://a\ud800.example",
    "IPv6 in upper case": "https://[2001:DB8::1]",
    "IPv6 written at length": "https://[2001:0db8::1]",
    "IPv6 with a zone": "https://[fe80::1%eth0]",
    "no IPv6": "https://[1:2]",
    "129 bytes": "https://" + ".".join(["a" * 60, "a" * 60]),
}


@pytest.mark.parametrize("uri", GOOD)
def test_an_origin_is_one(uri: str) -> None:
    assert is_origin(uri)


@pytest.mark.parametrize("uri", BAD.values(), ids=BAD.keys())
def test_anything_else_is_none(uri: str) -> None:  # SVC-1
    assert not is_origin(uri)


def test_the_edge_of_length_is_where_the_parameter_says() -> None:
    host = ".".join(["a" * 59, "a" * 60])
    assert len(f"https://{host}") == 128
    assert is_origin(f"https://{host}")
    assert not is_origin(f"https://{host}a")


def test_the_pattern_for_schemas_is_anchored() -> None:
    assert ORIGIN_PATTERN.startswith("^(")
    assert ORIGIN_PATTERN.endswith("$")
