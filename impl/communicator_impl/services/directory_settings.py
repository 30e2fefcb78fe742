"""What the operator of a directory chooses, beside what all services share.

::

    [directory]    mode, namespace, contacts_per_day, tokens

An environment variable is `COMMUNICATOR_DIRECTORY_` ‖ name in capitals.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from communicator_impl.directory_service import DirectoryRules, Mode
from communicator_impl.services.process import read_settings, require
from communicator_impl.services.settings import Settings
from communicator_impl.tokens import Purpose
from communicator_spec.origin import is_origin

__all__ = ["DirectoryHostSettings", "DirectorySettings", "read_directory_settings"]

_PURPOSES: Final = (Purpose.QUERY, Purpose.CONTACT)


class DirectorySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For which names the directory answers, how it introduces, and whose tokens it takes: purpose → URIs."""

    mode: Mode = Mode.ATTESTING
    namespace: str = "names of this directory"
    contacts_per_day: int = 16
    tokens: dict[str, tuple[str, ...]] = {}

    @property
    def rules(self) -> DirectoryRules:
        """What the operator publishes."""
        return DirectoryRules(self.mode, self.contacts_per_day)


class DirectoryHostSettings(Settings, frozen=True, forbid_unknown_fields=True):
    """All settings of one process with a directory."""

    directory: DirectorySettings = DirectorySettings()


def read_directory_settings(
    path: Path | None, environment: Mapping[str, str], flags: Mapping[str, Mapping[str, object]] | None = None
) -> DirectoryHostSettings:
    """Read file, environment and flags: `SettingsError` says what is wrong."""
    settings = read_settings(DirectoryHostSettings, path, environment, flags)
    chosen = settings.directory
    require(bool(chosen.namespace), "directory.namespace: say whose names these are")
    require(chosen.contacts_per_day >= 0, "directory.contacts_per_day: a number, 0 or more")
    for purpose, uris in chosen.tokens.items():
        require(purpose in _PURPOSES, f"directory.tokens: {purpose!r} is none of {', '.join(_PURPOSES)}")
        for uri in uris:
            require(is_origin(uri), f"directory.tokens.{purpose}: {uri!r} is not an origin")
    return settings
