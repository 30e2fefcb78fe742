"""Cases of what services publish (chapter 8): their URIs, wherever one is read.

A URI that could be written in two ways would be two services to whoever compares bytes; so each fault here is a text
that a URL library takes without a word.
"""

from communicator_impl import wire
from communicator_impl.addresses import Profile, ServiceConfig
from communicator_impl.vectors.address_cases import OUTER, URI, generation, keys, load, row
from communicator_impl.vectors.story import Case, Step, named_bytes
from communicator_spec.errors import ErrorClass

__all__ = ["service_cases"]

MALFORMED = ErrorClass.MALFORMED
HOST = URI.removeprefix("https://")
FAULTS = {
    "path": ("a path", URI + "/v1"),
    "slash": ("a slash at the end", URI + "/"),
    "query": ("a query", URI + "?a"),
    "upper-case": ("a letter in upper case", "https://Receiving.example"),
    "http": ("http, and no loopback address", "http://" + HOST),
    "user": ("a user", "https://user@" + HOST),
    "usual-port": ("the port that goes without saying", URI + ":443"),
    "port-zeros": ("a port with a zero in front", URI + ":08443"),
    "port-beyond": ("a port beyond the largest", URI + ":65536"),
    "no-host": ("an empty host", "https://"),
    "last-dot": ("a dot at the end of the host", URI + "."),
    "label-too-long": ("a label of 64 bytes", f"https://{'a' * 64}.example"),
    "hyphen-first": ("a hyphen at the beginning of a label", "https://a.-b.example"),
    "hyphen-last": ("a hyphen at the end of a label", "https://a-.b.example"),
    "long-ipv6": ("an IPv6 address that is not written short", "https://[2001:db8:0::1]"),
}
TAKEN = {
    "port": ("a port", URI + ":8443"),
    "ipv6": ("an IPv6 address and a port", "https://[2001:db8::1]:8443"),
    "loopback": ("http on a loopback address", "http://127.0.0.1:8080"),
    "hyphen": ("a hyphen, and two, inside a label", "https://a-b.c--d.example"),
    "label-longest": ("a label of 63 bytes", f"https://{'a' * 63}.example"),
    "longest": ("128 bytes", "https://" + ".".join(["a" * 59, "b" * 60])),
}


def _config(uri: str) -> bytes:
    return ServiceConfig(uri, 1, (Profile.LABEL,), (OUTER.public,)).encode()


def _decode(uri: str) -> Step:
    return Step("decode", "config.decode", {"config": _config(uri)})


def _body(uri: str, named: str = URI) -> bytes:
    entry = {0: uri, 1: 2, 2: {0: 1, 1: [OUTER.public.to_wire()]}, 3: []}
    return wire.encode({0: 1, 1: 2, 3: [0, []], 4: 0, 5: {0: 1, 1: [entry]}, 6: {named: named_bytes("digest", 16)}})


def service_cases() -> list[Case]:
    """Return all cases of URIs and of how many keys a service has."""
    plain = Case("service/uri", "an https origin", ("SVC-1",), (_decode(URI),))
    other = [Case(f"service/uri-{n}", title, ("SVC-1",), (_decode(uri),)) for n, (title, uri) in TAKEN.items()]
    wrong = [
        plain.refused(f"uri-{name}", title, ("SVC-1",), MALFORMED).changed("decode", config=_config(uri))
        for name, (title, uri) in FAULTS.items()
    ]
    step = Step("decode", "body.decode", {"body": _body(URI)})
    held = Case("service/set-uri", "a set and a digest that name an https origin", ("SVC-1",), (step,))

    def in_body(case: str, title: str, body: bytes) -> Case:
        return held.refused(case, title, ("SVC-1",), MALFORMED).changed("decode", body=body)

    return [
        plain,
        *other,
        *wrong,
        held,
        in_body("set-uri-slash", "a set names a service with a slash at the end", _body(URI + "/")),
        in_body("digest-uri-slash", "a digest is named so", _body(URI, URI + "/")),
        *_load_cases(),
    ]


def _load_cases() -> list[Case]:
    many = tuple(generation(f"loaded {n}", n) for n in range(9))
    most = Case(
        "service/load-most", "eight outer and eight inner keys", ("ADDR-35",), (load(keys(URI, many[:8], many[:8])),)
    )
    nine = [row(g) for g in many]

    def over(case: str, title: str, **args: object) -> Case:
        return most.refused(case, title, ("ADDR-35",), ErrorClass.LIMIT).changed("service", None, **args)

    return [
        most,
        over("load-nine-outer", "nine outer keys", outer=nine),
        over("load-nine-inner", "nine inner keys", inner=nine),
    ]
