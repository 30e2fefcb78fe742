"""The authorization service, endpoint by endpoint (8.5)."""

from communicator_spec.errors import ErrorClass
from communicator_spec.examples import ISSUER
from communicator_spec.openapi.parts import (
    JSON,
    OCTETS,
    Json,
    date,
    document_path,
    interface,
    operation,
    record,
    reply,
    uint,
    uri,
)
from communicator_spec.parameters import PARAMETERS

__all__ = ["authorization"]

_T = PARAMETERS.token
_E_ = ErrorClass
_CONTROL = (_E_.MALFORMED, _E_.FORGED, _E_.REFUSED, _E_.TOO_LARGE, _E_.LIMIT)


def authorization() -> Json:
    """Return the interface of an authorization service (8.5)."""
    member = record(
        {"uri": uri(), "issuer": {"type": "string"}, "epoch_s": {"const": _T.epoch_s},
         "redeem_grace_s": {"const": _T.redeem_grace_s}},
        strict=False,
    )  # fmt: skip
    paths = {
        **document_path({"authorization": member}),
        "/.well-known/private-token-issuer-directory": {"get": _issuer()},
        "/v1/tokens": {"post": _tokens()},
        "/v1/allowance": {"get": _allowance()},
    }
    return interface("Authorization service", "Issues tokens that do not tell whose they are.", paths, ISSUER)


def _purpose() -> Json:
    return {"enum": ["submit", "upload", "register", "fetch", "query", "contact"]}


def _issuer() -> Json:
    key = record(
        {
            **{"token-type": {"const": _T.type}, "token-key": {"type": "string"}, "purpose": _purpose()},
            **{"not-before": date(), "not-after": date()},
        },
        strict=False,
    )
    keys = {"type": "array", "items": key}
    found = record({"issuer-request-uri": {"type": "string"}, "token-keys": keys}, strict=False)
    answer = reply("The keys of all epochs that are announced or not ended.", JSON, found)
    return operation(
        "issuer",
        "Return the issuer's keys (RFC 9578 §4).",
        (200, answer),
        (_E_.LIMIT,),
        clauses=("TOK-1", "TOK-2", "TOK-21", "TOK-22"),
    )


def _tokens() -> Json:
    asked: Json = {"type": "string", "format": "binary", "maxLength": _T.request_bytes * _T.batch}
    signed: Json = {"type": "string", "format": "binary", "maxLength": _T.authenticator_bytes * _T.batch}
    made = operation(
        "issue",
        "Sign blinded messages, all or none.",
        (200, reply("Blind signatures, in the order of the requests.", OCTETS, signed)),
        _CONTROL,
        authority="key",
        body=(OCTETS, asked),
        clauses=("AUTH-1", "AUTH-2", "AUTH-3", "TOK-23"),
    )
    one = {**asked, "maxLength": _T.request_bytes}
    made["requestBody"]["content"]["application/private-token-request"] = {"schema": one}
    single = {**signed, "maxLength": _T.authenticator_bytes}
    made["responses"]["200"]["content"]["application/private-token-response"] = {"schema": single}
    return made


def _allowance() -> Json:
    left: Json = {"type": "object", "propertyNames": _purpose(), "additionalProperties": uint()}
    found = reply("Tokens left in this epoch, by purpose.", JSON, left)
    return operation("allowance", "Say what is left.", (200, found), (_E_.FORGED, _E_.LIMIT), authority="key")
