"""What the operator of an authorization service chooses, beside what all services share.

::

    [authorization]    allowances: purpose → tokens for an account in an epoch

An environment variable is `COMMUNICATOR_AUTHORIZATION_` ‖ name in capitals.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from communicator_impl.services.process import read_settings, require
from communicator_impl.services.settings import Settings
from communicator_impl.tokens import Purpose
from communicator_spec.parameters import PARAMETERS

__all__ = ["AuthorizationHostSettings", "AuthorizationSettings", "read_authorization_settings"]

_BATCH: Final = PARAMETERS.token.batch
_ALLOWANCE: Final = 16 * _BATCH
_MOST: Final = (1 << 31) - 1


class AuthorizationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many tokens an account gets in an epoch, by purpose; 16 batches of one that is not named."""

    allowances: dict[str, int] = {}

    def by_purpose(self) -> dict[Purpose, int]:
        """Return the allowance of each purpose."""
        return {purpose: self.allowances.get(purpose, _ALLOWANCE) for purpose in Purpose}


class AuthorizationHostSettings(Settings, frozen=True, forbid_unknown_fields=True):
    """All settings of one process with an authorization service."""

    authorization: AuthorizationSettings = AuthorizationSettings()


def read_authorization_settings(
    path: Path | None, environment: Mapping[str, str], flags: Mapping[str, Mapping[str, object]] | None = None
) -> AuthorizationHostSettings:
    """Read file, environment and flags: `SettingsError` says what is wrong."""
    settings = read_settings(AuthorizationHostSettings, path, environment, flags)
    for purpose, tokens in settings.authorization.allowances.items():
        known = purpose in list(Purpose)
        require(known, f"authorization.allowances: {purpose!r} is none of {', '.join(Purpose)}")
        require(0 <= tokens <= _MOST, f"authorization.allowances.{purpose}: a number from 0 to {_MOST}")
    return settings
