"""What an operator chooses: a file in TOML, environment variables over it, flags over those.

Theory. A service that guesses what its operator meant is found out too late. So a setting that is not known, or has no
sense, stops the start with one line that says which it is and what would do; there are few settings, and each has a
default that is good for one machine.

::

    [service]      uri, operator, run, listen_host, listen_port, operations_port, tls_certificate, tls_key, event_log
    [database]     url
    [receiving]    profiles, rotate_s, accept_per_s, accept_burst, lanes_max, proxy, tokens
    [sending]      delay_mean_s, submissions_max, uploads_bytes_max, named_addresses, tokens

An environment variable is `COMMUNICATOR_` ‖ section ‖ `_` ‖ name, in capitals, with a value as in TOML or a plain text.

Rules:

1. A file is read whole or refused; nothing is corrected silently.
2. Outside a loopback address there is no serving without a certificate (SVC-2).
"""

import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal

import msgspec

from communicator_impl.addresses import Profile
from communicator_impl.tokens import Purpose
from communicator_spec.origin import is_origin
from communicator_spec.parameters import PARAMETERS

__all__ = ["DatabaseSettings", "ReceivingSettings", "SendingSettings", "ServiceSettings", "Settings", "SettingsError"]

_PREFIX: Final = "COMMUNICATOR_"
_DAY_S: Final = 86_400
_V: Final = PARAMETERS.service
_PURPOSES: Final = {
    "receiving": (Purpose.REGISTER, Purpose.FETCH),
    "sending": (Purpose.SUBMIT, Purpose.UPLOAD),
}

Tokens = dict[str, tuple[str, ...]]
"""Purpose → URIs of the issuers whose tokens are taken."""


class SettingsError(ValueError):
    """A setting that cannot be used; the text says which, and what would do."""


class ServiceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The origin and where it listens; `operations_port` 0: no health, readiness and metrics.

    `event_log` writes down which message came to which address (`events`): for tests, never for strangers.
    """

    uri: str = "http://127.0.0.1:8420"
    operator: str = "Communicator"
    run: Literal["receiving", "sending", "both"] = "both"
    listen_host: str = "127.0.0.1"
    listen_port: int = 8420
    operations_port: int = 0
    tls_certificate: str = ""
    tls_key: str = ""
    address_per_s: float = 200.0
    address_burst: int = 1000
    event_log: bool = False


class DatabaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`sqlite:///path` for one process, `postgresql+psycopg://…` for several on any number of machines."""

    url: str = "sqlite:///communicator.sqlite3"


class ReceivingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the receiving service offers; `rotate_s` is the time between two generations of keys."""

    profiles: tuple[int, ...] = (int(Profile.TWO_LAYER), int(Profile.LABEL))
    rotate_s: int = 200 * _DAY_S
    pending_max: int = 100_000
    lanes_max: int = 16
    tokens: Tokens = {}


class SendingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the sending service offers; `named_addresses` are hosts that it may connect to without being public."""

    delay_mean_s: tuple[int, ...] = (0, 60, 600)
    submissions_max: int = 1 << 20
    uploads_bytes_max: int = 64 << 30
    named_addresses: tuple[str, ...] = ()
    attempt_s: float = 30.0
    retry_s_min: float = float(PARAMETERS.delivery.retry_s_min)
    tokens: Tokens = {}


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of one process."""

    service: ServiceSettings = ServiceSettings()
    database: DatabaseSettings = DatabaseSettings()
    receiving: ReceivingSettings = ReceivingSettings()
    sending: SendingSettings = SendingSettings()

    @property
    def receives(self) -> bool:
        """Whether a receiving service runs."""
        return self.service.run in ("receiving", "both")

    @property
    def sends(self) -> bool:
        """Whether a sending service runs."""
        return self.service.run in ("sending", "both")

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
        except msgspec.ValidationError as error:
            raise SettingsError(f"{error}; the settings are in `communicator serve --help`") from error
        _check(settings)
        return settings


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine alone."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _file(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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
    except tomllib.TOMLDecodeError:
        return text


def _table(value: object, section: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise SettingsError(f"[{section}] is a table of settings")
    return value


def _check(settings: Settings) -> None:
    service = settings.service
    _require(is_origin(service.uri), f"service.uri: {service.uri!r} is not an origin such as https://post.example")
    _require(bool(service.operator), "service.operator: name who runs the service")
    has_keys = bool(service.tls_certificate and service.tls_key)
    _require(
        has_keys or is_loopback(service.listen_host),  # SVC-2
        "service.listen_host: outside a loopback address set tls_certificate and tls_key, or listen on 127.0.0.1",
    )
    for port in (service.listen_port, service.operations_port):
        _require(0 <= port < 1 << 16, f"a port is a number below 65536, not {port}")
    _check_services(settings)


def _check_services(settings: Settings) -> None:
    receiving, sending = settings.receiving, settings.sending
    known = [int(profile) for profile in Profile]
    _require(set(receiving.profiles) <= set(known), f"receiving.profiles: known are {known}")
    _require(int(Profile.TWO_LAYER) in receiving.profiles, "receiving.profiles: 1, two-layer/1, is always offered")
    _require(receiving.rotate_s >= _ROTATE_S_MIN, f"receiving.rotate_s: at least {_ROTATE_S_MIN}, or keys do not fit")
    means = sending.delay_mean_s
    _require(0 in means, "sending.delay_mean_s: 0 is always offered")  # SEND-6
    _require(max(means) <= _V.delay_mean_s_max, f"sending.delay_mean_s: at most {_V.delay_mean_s_max}")
    for name, tokens in (("receiving", receiving.tokens), ("sending", sending.tokens)):
        _check_tokens(name, tokens)


def _check_tokens(name: str, tokens: Tokens) -> None:
    for purpose, uris in tokens.items():
        _require(purpose in _PURPOSES[name], f"{name}.tokens: {purpose!r} is none of {', '.join(_PURPOSES[name])}")
        for uri in uris:
            _require(is_origin(uri), f"{name}.tokens.{purpose}: {uri!r} is not an origin")


_ROTATE_S_MIN: Final = 2 * PARAMETERS.address.lifetime_long_term_s_max // (PARAMETERS.address.generations_max - 1) + 1
"""With fewer seconds between them, more generations of inner keys would live than a configuration carries (ADDR-35)."""


def _require(holds: bool, text: str) -> None:
    if not holds:
        raise SettingsError(text)
