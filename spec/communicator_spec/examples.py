"""Examples of wire bytes for the chapters and the OpenAPI files: `python -m communicator_spec.examples`.

Theory. An example that somebody typed is wrong sooner or later. These are made from values by the encoder, with real
keys and signatures; each is validated against its rule of the wire schema where a test says so. The program rewrites
`examples.json`, which has every byte, and the blocks in the chapters, which leave out the middle of long strings::

    <!-- example: NAME -->
    ```
    …
    ```
    <!-- /example -->

Rules:

1. The same bytes on every machine: seeds come from labels. What stands for a sealed text is noise of the right length;
   the vectors of the conformance suite have texts that open.
2. A block names an example that exists; an example that no block shows is an error.
"""

import base64
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import cbor2
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from communicator_spec.parameters import PARAMETERS
from communicator_spec.transparency import inclusion_path, leaf_hash, tree_hash

__all__ = ["BLOCK", "Example", "document", "examples", "fill", "render_json", "rewrite"]

NOW: Final = 1_767_225_600  # 2026-01-01T00:00Z
DAY: Final = 86_400
YEAR: Final = 365 * DAY
RECEIVING, SENDING, DIRECTORY, ISSUER = (
    f"https://{name}.example" for name in ("receiving", "sending", "directory", "authorization")
)
BLOCK: Final = re.compile(
    r"(?P<head><!-- example: (?P<name>[\w-]+) -->\n)(?P<body>.*?)(?P<tail><!-- /example -->)", re.S
)

_A, _C, _D, _E, _S, _V = (
    PARAMETERS.address,
    PARAMETERS.content,
    PARAMETERS.directory,
    PARAMETERS.envelope,
    PARAMETERS.session,
    PARAMETERS.service,
)
_SHOWN: Final = 12  # bytes of a long string that a block shows
_WIDTH: Final = 104


class Example(NamedTuple):
    """Bytes, the rule of the schema that they follow (empty: none), and the text of a block."""

    rule: str
    data: bytes
    text: str


def fill(label: str, size: int) -> bytes:
    """Return noise that is the same everywhere."""
    return b"".join(hashlib.sha256(f"{label} {i}".encode()).digest() for i in range(size // 32 + 1))[:size]


@cache
def examples() -> dict[str, Example]:
    """Return every example by its name."""
    package = _package("alex")
    config = _config()
    entries, leaves, head, proof = _log()
    shown = {
        "receipt": ("body", {0: _E.body_version, 1: 1, 3: [7, [[9, 9]]], 4: 2}),
        "message": ("body", _message()),
        "delivery": ("delivery", _delivery()),
        "two-layer-request": ("two-layer-request", _request()),
        "service-config": ("service-config", config),
        "key-package": ("key-package", package),
        "hybrid-package": ("hybrid-package", _package("alex", hybrid=True)),
        "submission": ("submission", {0: 1, 1: RECEIVING, 2: cbor(_request()), 3: NOW + 2 * DAY, 4: 600}),
        "entry": ("directory-entry", entries[1]),
        "contact": ("contact", {0: _D.version, 1: package, 2: _set(two_layer=True)}),
        "leaf": ("log-leaf", leaves[1]),
        "head": ("log-head", head),
        "proof": ("directory-proof", proof),
        "content": ("content", _content()),
    }
    made = {name: _example(rule, value) for name, (rule, value) in shown.items()}
    made["tree"] = Example("", b"", _tree_text(leaves))
    made["challenge"] = _challenge()
    made["document"] = Example("", b"", _fenced("json", _compact(document("receiving", "sending"))))
    return made


def cbor(value: object) -> bytes:
    """Encode deterministically."""
    return cbor2.dumps(value, canonical=True)


# -------------------------------------------------------------------- values


def _signer(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(fill(f"sign {name}", 32))


def _sign(name: str, label: str, message: bytes) -> bytes:
    return _signer(name).sign(label.encode() + b"\0" + message)


def _public(name: str) -> bytes:
    return X25519PrivateKey.from_private_bytes(fill(f"agree {name}", 32)).public_key().public_bytes_raw()


def _identity(name: str) -> bytes:
    agree = _public(name)
    return _signer(name).public_key().public_bytes_raw() + agree + _sign(name, _S.binding_label, agree)


def _package(name: str, *, hybrid: bool = False) -> dict[int, object]:
    identity = _identity(name)
    number = PARAMETERS.extension.suite_hybrid if hybrid else PARAMETERS.suite.number
    kem = MLKEM768PrivateKey.from_seed_bytes(fill(f"seed {name}", 64)).public_key().public_bytes_raw()
    prekey = (kem if hybrid else b"") + _public(f"prekey {name}")
    unsigned: dict[int, object] = {
        **{0: _S.version, 1: number, 2: identity[:32], 3: identity[32:64], 4: identity[64:]},
        **{5: prekey, 6: NOW, 7: NOW + 7 * DAY, 8: False},
    }
    return {**unsigned, 9: _sign(name, _S.package_label, cbor(unsigned))}


def _generation(number: int, kind: str, lifetime_s: int) -> list[object]:
    return [number, _public(f"{kind} {number}"), NOW, NOW + lifetime_s]


def _config() -> dict[int, object]:
    profiles = [_A.two_layer_profile, _A.label_profile]
    inner = [_generation(2, "inner", 2 * _A.lifetime_long_term_s_max)]
    return {0: RECEIVING, 1: PARAMETERS.suite.number, 2: profiles, 3: [_generation(7, "outer", 30 * DAY)], 4: inner}


def _set(*, two_layer: bool = False) -> dict[int, object]:
    kind = "two-layer" if two_layer else "label"
    return {0: 4, 1: [_service_entry(uri, two_layer) for uri in (RECEIVING, f"https://{kind}.example")]}


def _service_entry(uri: str, two_layer: bool) -> dict[int, object]:
    profile = _A.two_layer_profile if two_layer else _A.label_profile
    secret = [fill(f"rdas {uri}", _A.rdas_bytes)] if two_layer else fill(f"epoch key {uri}", _A.epoch_key_bytes)
    capacity = 1 if two_layer else PARAMETERS.state.label_capacity
    kind = "outer" if uri == RECEIVING else f"outer {uri}"
    keys = {0: PARAMETERS.suite.number, 1: [_generation(7, kind, 30 * DAY)]}
    return {0: uri, 1: profile, 2: keys, 3: [{0: 3, 1: True, 2: NOW + YEAR, 3: capacity, 4: secret}]}


def _message() -> dict[int, object]:
    digests = {
        RECEIVING: hashlib.sha256(_A.config_label.encode() + b"\0" + cbor(_config())).digest()[: _E.digest_bytes]
    }
    body: dict[int, object] = {0: _E.body_version, 1: 0, 2: 12, 3: [9, [[11, 13]]], 4: 2}
    return {**body, 5: _set(), 6: digests, 7: cbor({0: _C.version, 1: _C.text_type, 2: b"See you at eight."})}


def _delivery() -> dict[int, object]:
    return {0: _E.version, 1: 5, 2: fill("ciphertext", _E.ciphertext_classes_bytes[0]), 3: 260, 4: 3}


def _request() -> dict[int, object]:
    noise = fill("ciphertext", _E.ciphertext_classes_bytes[0])
    return {0: _E.version, 1: _A.two_layer_profile, 2: b"\x07" + fill("sda", _A.sda_bytes - 1), 3: noise}


def _content() -> dict[int, object]:
    where = [
        f"{SENDING}/v1/attachments/5kW0qkTqGUzCw0Pm3cC1Vg",
        fill("file key", 32),
        fill("digest", 32),
        NOW + 14 * DAY,
    ]
    picture = {0: 48_213, 1: [where], 2: "image/jpeg", 3: "lake.jpg"}
    return {0: _C.version, 1: _C.text_type, 2: b"The lake this morning.", 3: [picture]}


def _log() -> tuple[list[dict[int, object]], list[dict[int, object]], dict[int, object], dict[int, object]]:
    """Return entries, leaves, head and a proof of a log with three leaves: alex, blair, and alex with a new key."""
    entries = [_entry("alex", 0, "alex"), _entry("blair", 0, "blair"), _entry("alex", 1, "alex anew", "alex")]
    leaves = [_leaf(entry) for entry in entries]
    hashes = [leaf_hash(cbor(leaf)) for leaf in leaves]
    unsigned: dict[int, object] = {0: _D.version, 1: DIRECTORY, 2: len(leaves), 3: tree_hash(hashes), 4: NOW}
    head = {**unsigned, 5: _sign("directory", _D.head_label, cbor(unsigned))}
    return entries, leaves, head, {0: entries[1], 1: 1, 2: list(inclusion_path(hashes, 1)), 3: head}


def _entry(name: str, sequence: int, key: str, before: str = "") -> dict[int, object]:
    unsigned: dict[int, object] = {0: _D.version, 1: name, 2: sequence, 3: _identity(key), 4: NOW}
    message = cbor(unsigned)
    signed = {**unsigned, 5: _sign(key, _D.entry_label, message)}
    return {**signed, 6: _sign(before, _D.entry_label, message)} if before else signed


def _leaf(entry: dict[int, object]) -> dict[int, object]:
    name = hashlib.sha256(_D.name_label.encode() + b"\0" + str(entry[1]).encode()).digest()
    return {0: name, 1: entry[2], 2: hashlib.sha256(cbor(entry)).digest()}


def _challenge() -> Example:
    """The TokenChallenge of chapter 9 (RFC 9577): type, issuer, empty context, origin; strings with a u16 length."""
    issuer, origin = (uri.removeprefix("https://").encode() for uri in (ISSUER, SENDING))
    data = (
        PARAMETERS.token.type.to_bytes(2) + len(issuer).to_bytes(2) + issuer + b"\0" + len(origin).to_bytes(2) + origin
    )
    digest = hashlib.sha256(data).hexdigest()
    return Example("", data, _fenced("", "\n".join([f"challenge  {data.hex()}", f"digest     {digest}"])))


def document(*services: str) -> dict[str, object]:
    """Return a document as an origin publishes it that runs these services; the first one gives it its name."""
    origin = f"https://{services[0]}.example"
    members = {"receiving": _receiving, "sending": _sending, "directory": _directory, "authorization": _authorization}
    head = {"version": _V.document_version, "revision": 31, "operator": "Example Post"}
    return head | {name: {"uri": origin, **members[name]()} for name in services}


def _receiving() -> dict[str, object]:
    config = _config()
    keys = {"outer": config[3], "inner": config[4]}
    named = {kind: [_json_generation(g) for g in rows] for kind, rows in keys.items() if isinstance(rows, list)}
    return {
        **{"suite": config[1], "profiles": config[2], **named},
        **{"request_bytes_max": _E.request_bytes_max, "ciphertext_classes_bytes": list(_E.ciphertext_classes_bytes)},
        **{"latency": ["immediate", "batched", "pull"], "proxy": True},
        "tokens": {"register": [ISSUER], "fetch": [ISSUER]},
    }


def _sending() -> dict[str, object]:
    upload = {str(1 << k): 1 + (1 << k) // 16 for k in range(7)}
    return {
        **{"request_bytes_max": _E.request_bytes_max, "delay_mean_s": [0, 60, 600]},
        **{"queue_lifetime_s": PARAMETERS.delivery.queue_lifetime_s, "upload": upload},
        "tokens": {"submit": [ISSUER], "upload": [ISSUER]},
    }


def _directory() -> dict[str, object]:
    key = base64url(_signer("directory").public_key().public_bytes_raw())
    mode = {"mode": "brokered", "namespace": "people of example.org"}
    return {**mode, "key": key, "tokens": {"query": [ISSUER], "contact": [ISSUER]}}


def _authorization() -> dict[str, object]:
    token = PARAMETERS.token
    issuer = ISSUER.removeprefix("https://")
    return {"issuer": issuer, "epoch_s": token.epoch_s, "redeem_grace_s": token.redeem_grace_s}


def _json_generation(row: list[object]) -> dict[str, object]:
    number, key, begin, end = row
    assert isinstance(key, bytes)
    return {"generation": number, "key": base64url(key), "not_before": begin, "not_after": end}


def base64url(data: bytes) -> str:
    """Encode without padding, as JSON carries bytes (chapter 8)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# -------------------------------------------------------------------- text


def _example(rule: str, value: object) -> Example:
    data = cbor(value)
    head = f"{rule}, {len(data):,} bytes"
    return Example(rule, data, _fenced("", f"{head}\n{_notation(value, 0)}"))


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```\n"


def _notation(value: object, depth: int) -> str:
    """Write a value in CBOR's diagnostic notation (RFC 8949 §8), long byte strings shortened."""
    if isinstance(value, dict):
        return _wrapped("{}", [f"{_notation(k, 0)}: {_notation(v, depth + 1)}" for k, v in value.items()], depth)
    if isinstance(value, list):
        return _wrapped("[]", [_notation(item, depth + 1) for item in value], depth)
    if isinstance(value, bytes):
        short = value if len(value) <= 2 * _SHOWN else value[:_SHOWN]
        return f"h'{short.hex()}'" if short == value else f"h'{short.hex()}…' / {len(value):,} bytes /"
    return json.dumps(value, ensure_ascii=False)


def _compact(value: object) -> str:
    """Write JSON with short arrays and objects on one line."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    short = re.compile(r"([\[{])\n\s+([^\[\]{}]{1,200}?)\n\s+([\]}])")
    return short.sub(lambda m: m[1] + re.sub(r"\n\s+", " ", m[2]) + m[3], text)


def _wrapped(pair: str, items: list[str], depth: int) -> str:
    flat = f"{pair[0]}{', '.join(items)}{pair[1]}"
    if len(flat) + 2 * depth <= _WIDTH and "\n" not in flat:
        return flat
    pad = "  " * (depth + 1)
    return pair[0] + "".join(f"\n{pad}{item}," for item in items) + f"\n{'  ' * depth}{pair[1]}"


def _tree_text(leaves: list[dict[int, object]]) -> str:
    hashes = [leaf_hash(cbor(leaf)) for leaf in leaves]
    rows = [f"leaf {i}       {cbor(leaf).hex()}" for i, leaf in enumerate(leaves)]
    rows += [f"leaf hash {i}  {h.hex()}" for i, h in enumerate(hashes)]
    rows += [f"tree hash    {tree_hash(hashes).hex()}"]
    rows += [f"path of 1    {h.hex()}" for h in inclusion_path(hashes, 1)]
    return _fenced("", "\n".join(rows))


def render_json() -> bytes:
    """Return the bytes of `examples.json`: rule and whole bytes of each example that has any."""
    table = {name: {"rule": e.rule, "hex": e.data.hex()} for name, e in sorted(examples().items()) if e.data}
    return msgspec.json.format(msgspec.json.encode(table), indent=1) + b"\n"


def rewrite(text: str) -> str:
    """Return a chapter with its blocks as they should be; an unknown name raises KeyError."""
    return BLOCK.sub(lambda m: m["head"] + examples()[m["name"]].text + m["tail"], text)


def main() -> None:
    """Rewrite `examples.json` and the chapters of this checkout."""
    package = Path(__file__).parent
    (package / "examples.json").write_bytes(render_json())
    for path in sorted(package.parent.glob("[0-9][0-9]-*.md")):
        path.write_text(rewrite(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
