"""What an operator chooses, section by section: the table names of a settings file, with what holds if nothing is said.

::

    [service]          uri, operator, run, listen_host, listen_port, operations_port, tls_certificate, tls_key,
                       address_per_s, address_burst, event_log
    [database]         url, key_file
    [receiving]        profiles, rotate_s, pending_max, lanes_max, named_addresses, tokens
    [sending]          delay_mean_s, submissions_max, uploads_bytes_max, named_addresses, attempt_s, retry_s_min, tokens
    [directory]        mode, namespace, contacts_per_day, tokens
    [authorization]    allowances

`settings` reads and checks them.
"""

from typing import Final

import msgspec

from communicator_impl.addresses import Profile
from communicator_impl.directory_service import DirectoryRules, Mode
from communicator_impl.tokens import Purpose
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "SERVICES",
    "AuthorizationSettings",
    "DatabaseSettings",
    "DirectorySettings",
    "ReceivingSettings",
    "SendingSettings",
    "ServiceSettings",
    "Tokens",
]

SERVICES: Final = ("receiving", "sending", "directory", "authorization")
"""What an origin may run, in the order of its document."""

_DAY_S: Final = 86_400
_ALLOWANCE: Final = 16 * PARAMETERS.token.batch

Tokens = dict[str, tuple[str, ...]]
"""Purpose → URIs of the issuers whose tokens are taken."""


class ServiceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The origin, what it runs, and where it listens; `operations_port` 0: no health, readiness and metrics.

    `run` names services, or `both` for the first two, or `all`. Without `uri` it is where the process listens; without
    `listen_port` it is that of a `uri` on the loopback address, or 8420. `event_log` writes down which message came to
    which address (`events`): for tests, never for strangers.
    """

    uri: str = ""
    operator: str = "Communicator"
    run: str = "both"
    listen_host: str = "127.0.0.1"
    listen_port: int = 0
    operations_port: int = 0
    tls_certificate: str = ""
    tls_key: str = ""
    address_per_s: float = 200.0
    address_burst: int = 1000
    event_log: bool = False


class DatabaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`sqlite:///path` for one process, `postgresql+psycopg://…` for several on any number of machines.

    `key_file` has the key with which the secret keys in the database are encrypted (`sealing`); empty: they are plain.
    """

    url: str = "sqlite:///communicator.sqlite3"
    key_file: str = ""


class ReceivingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the receiving service offers; `rotate_s` is the time between two generations of keys.

    `named_addresses` are hosts from which it fetches attachments without their being public: none, if none are named.
    """

    profiles: tuple[int, ...] = (int(Profile.TWO_LAYER), int(Profile.LABEL))
    rotate_s: int = 200 * _DAY_S
    pending_max: int = 100_000
    lanes_max: int = 16
    named_addresses: tuple[str, ...] = ()
    tokens: Tokens = {}


class SendingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the sending service offers; `named_addresses` are hosts that it may connect to without being public.

    If none are named, a service whose own URI is a loopback one may connect to its own machine: it is a trial.
    """

    delay_mean_s: tuple[int, ...] = (0, 60, 600)
    submissions_max: int = 1 << 20
    uploads_bytes_max: int = 64 << 30
    named_addresses: tuple[str, ...] | None = None
    attempt_s: float = 30.0
    retry_s_min: float = float(PARAMETERS.delivery.retry_s_min)
    tokens: Tokens = {}


class DirectorySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For which names the directory answers, how it introduces, and whose tokens it takes."""

    mode: Mode = Mode.ATTESTING
    namespace: str = "names of this directory"
    contacts_per_day: int = 16
    tokens: Tokens = {}

    @property
    def rules(self) -> DirectoryRules:
        """What the operator publishes."""
        return DirectoryRules(self.mode, self.contacts_per_day)


class AuthorizationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many tokens an account gets in an epoch, by purpose; 16 batches of one that is not named."""

    allowances: dict[str, int] = {}

    def by_purpose(self) -> dict[Purpose, int]:
        """Return the allowance of each purpose."""
        return {purpose: self.allowances.get(purpose, _ALLOWANCE) for purpose in Purpose}
