"""Reads what an operator chooses: a file in TOML, environment variables over it, flags over those.

Theory. A service that guesses what its operator meant is found out too late. So a setting that is not known, or has no
sense, stops the start with one line that says which it is and what would do; there are few settings (`sections`), and
each has a default that is good for one machine.

An environment variable is `COMMUNICATOR_` ‖ section ‖ `_` ‖ name, in capitals, with a value as in TOML or a plain text.

Rules:

1. A file is read whole or refused; nothing is corrected silently.
2. Outside a loopback address there is no serving without a certificate (SVC-2).
3. An origin takes tokens of itself only if it issues some.
"""

import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import msgspec

from communicator_impl.addresses import Profile
from communicator_impl.services.sections import (
    SERVICES,
    AuthorizationSettings,
    DatabaseSettings,
    DirectorySettings,
    ReceivingSettings,
    SendingSettings,
    ServiceSettings,
    Tokens,
)
from communicator_impl.tokens import Purpose
from communicator_spec.errors import Explained
from communicator_spec.origin import is_origin
from communicator_spec.parameters import PARAMETERS

__all__ = ["Settings", "SettingsError", "is_loopback"]

_PREFIX: Final = "COMMUNICATOR_"
_PORT: Final = 8420
_PORT_MAX: Final = (1 << 16) - 1
_V: Final = PARAMETERS.service
_TOKENS_MAX: Final = (1 << 31) - 1
_WORDS: Final = {"both": SERVICES[:2], "all": SERVICES} | {name: (name,) for name in SERVICES}
_PURPOSES: Final = {
    "receiving": (Purpose.REGISTER, Purpose.FETCH),
    "sending": (Purpose.SUBMIT, Purpose.UPLOAD),
    "directory": (Purpose.QUERY, Purpose.CONTACT),
}


class SettingsError(Explained, ValueError):
    """A setting that cannot be used; the text says which, and what would do."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of one process."""

    service: ServiceSettings = ServiceSettings()
    database: DatabaseSettings = DatabaseSettings()
    receiving: ReceivingSettings = ReceivingSettings()
    sending: SendingSettings = SendingSettings()
    directory: DirectorySettings = DirectorySettings()
    authorization: AuthorizationSettings = AuthorizationSettings()

    @property
    def services(self) -> tuple[str, ...]:
        """The services that the process runs, in the order of the document."""
        named = {name for word in self.service.run.split() for name in _WORDS[word]}
        return tuple(name for name in SERVICES if name in named)

    @property
    def tokens(self) -> Tokens:
        """Purpose → URIs of the issuers whose tokens the services take that run (SVC-13)."""
        taken = {"receiving": self.receiving.tokens, "sending": self.sending.tokens, "directory": self.directory.tokens}
        return {purpose: uris for name in self.services for purpose, uris in taken.get(name, {}).items()}

    @property
    def event_log(self) -> str:
        """The URI whose event log is written; empty: none is."""
        return self.service.uri if self.service.event_log else ""

    @property
    def host(self) -> str:
        """Host of the origin, with its port if it has one: what a challenge names (chapter 9.2)."""
        return self.service.uri.partition("://")[2]

    @classmethod
    def read(
        cls, path: Path | None, environment: Mapping[str, str], flags: Mapping[str, Mapping[str, object]] | None = None
    ) -> "Settings":
        """Read file, environment and flags; `SettingsError` says what is wrong, `OSError` that there is no file."""
        found = _file(path) if path is not None else {}
        for section, values in (*_environment(environment).items(), *(flags or {}).items()):
            found[section] = {**_table(found.get(section, {}), section), **values}
        try:
            settings = msgspec.convert(found, cls)
        except (msgspec.ValidationError, UnicodeEncodeError) as error:  # what the system took for text may be none
            raise SettingsError(_said(error)) from error
        settings = msgspec.structs.replace(settings, service=_completed(settings.service))
        _check(settings)
        return settings


# -------------------------------------------------------------------- reading


def _file(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, too many digits, too deep
        raise SettingsError(f"{path}: not TOML: {error}") from error


def _environment(variables: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """Return sections of what the environment says; a variable of no section is somebody else's."""
    found: dict[str, dict[str, object]] = {}
    for name in sorted(variables):
        section, _, key = name.removeprefix(_PREFIX).lower().partition("_")
        if name.startswith(_PREFIX) and section in Settings.__struct_fields__ and key:
            found.setdefault(section, {})[key] = _value(variables[name])
    return found


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _table(value: object, section: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise SettingsError(f"[{section}] is a table: write [{section}] on a line of its own, and its settings below")
    return value


def _said(error: Exception) -> str:
    """Return what is wrong with which setting, and where to look."""
    what, _, where = str(error).partition(" - at `$")
    place = where.strip(".`")
    known = [name for name in Settings.__struct_fields__ if place == name]
    fields = Settings.__struct_defaults__[Settings.__struct_fields__.index(place)].__struct_fields__ if known else ()
    names = Settings.__struct_fields__ if not place else fields
    hint = f"; known are {', '.join(names)}" if names else "; docs/services.md lists all settings"
    return f"{place or 'settings'}: {what[:1].lower()}{what[1:]}{hint}"


def _completed(service: ServiceSettings) -> ServiceSettings:
    """Fill in an origin and a port that follow from each other."""
    host, port = service.listen_host, service.listen_port
    if not port:
        last = service.uri.rpartition(":")[2]
        port = int(last) if service.uri.startswith("http://") and last.isdigit() else _PORT
    named = f"[{host}]" if ":" in host else host
    uri = service.uri or (f"http://{named}:{port}" if is_loopback(host) else "")
    return msgspec.structs.replace(service, uri=uri, listen_port=port)


# -------------------------------------------------------------------- checks


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine alone."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check(settings: Settings) -> None:
    service = settings.service
    unknown = [word for word in service.run.split() if word not in _WORDS]
    _require(not unknown, f"service.run: {' '.join(unknown)!r} is none of {', '.join((*SERVICES, 'both', 'all'))}")
    _require(bool(service.run.split()), f"service.run: name one of {', '.join((*SERVICES, 'both', 'all'))}")
    for name in ("listen_port", "operations_port"):
        port = getattr(service, name)
        _require(0 <= port <= _PORT_MAX, f"service.{name}: a port is a number below 65536, not {port}")
    has_keys = bool(service.tls_certificate and service.tls_key)
    _require(
        has_keys or is_loopback(service.listen_host),  # SVC-2
        "service.listen_host: outside a loopback address set tls_certificate and tls_key, or listen on 127.0.0.1",
    )
    origin = "name the origin that people reach the service at, such as https://post.example"
    _require(is_origin(service.uri), f"service.uri: {service.uri!r} is not one: {origin}")
    _require(bool(service.operator), "service.operator: name who runs the service")
    _require(service.address_per_s > 0, "service.address_per_s: more than 0 requests a second")
    _require(service.address_burst >= 1, "service.address_burst: at least 1 request")
    _check_services(settings)
    _check_tokens(settings)


def _check_services(settings: Settings) -> None:
    receiving, sending, directory = settings.receiving, settings.sending, settings.directory
    known = [int(profile) for profile in Profile]
    _require(set(receiving.profiles) <= set(known), f"receiving.profiles: known are {known}")
    _require(int(Profile.TWO_LAYER) in receiving.profiles, "receiving.profiles: 1, two-layer/1, is always offered")
    _require(receiving.rotate_s >= _ROTATE_S_MIN, f"receiving.rotate_s: at least {_ROTATE_S_MIN}, or keys do not fit")
    means = sending.delay_mean_s
    _require(0 in means, "sending.delay_mean_s: 0 is always offered")  # SEND-6
    _require(max(means) <= _V.delay_mean_s_max, f"sending.delay_mean_s: at most {_V.delay_mean_s_max}")
    _require(bool(directory.namespace), "directory.namespace: say whose names these are")
    _require(directory.contacts_per_day >= 0, "directory.contacts_per_day: a number, 0 or more")
    for purpose, tokens in settings.authorization.allowances.items():
        named = purpose in list(Purpose)
        _require(named, f"authorization.allowances: {purpose!r} is none of {', '.join(Purpose)}")
        _require(0 <= tokens <= _TOKENS_MAX, f"authorization.allowances.{purpose}: a number from 0 to {_TOKENS_MAX}")


def _check_tokens(settings: Settings) -> None:
    for name, purposes in _PURPOSES.items():
        tokens: Tokens = getattr(settings, name).tokens
        for purpose, uris in tokens.items():
            _require(purpose in purposes, f"{name}.tokens: {purpose!r} is none of {', '.join(purposes)}")
            for uri in uris:
                _require(is_origin(uri), f"{name}.tokens.{purpose}: {uri!r} is not an origin")
    own = settings.service.uri in {uri for uris in settings.tokens.values() for uri in uris}
    _require(
        not own or "authorization" in settings.services,
        f"tokens: {settings.service.uri} is this origin, and issues none: run authorization here too, or name another",
    )


_ROTATE_S_MIN: Final = 2 * PARAMETERS.address.lifetime_long_term_s_max // (PARAMETERS.address.generations_max - 1) + 1
"""With fewer seconds between them, more generations of inner keys would live than a configuration carries (ADDR-35)."""


def _require(holds: bool, text: str) -> None:
    if not holds:
        raise SettingsError(text)
