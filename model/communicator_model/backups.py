"""A receiving service of which there is a backup: what happens when it comes back with that in place of its database.

What was deleted since is there again, and what came since is gone. This is a class of its own so that services without
a backup, which is all of them in most runs, note nothing for it.

What follows is what follows for the reference implementation:

1. A message that a device has opened opens no second time, neither one that is shown again nor one that comes again to
   an address whose spent mark was lost.
2. An end that was registered since is unknown until its device registers it again. What is issued until then is part of
   that registration.
3. In two-layer/1 a service learns of grants as they are used, so it needs to know the root alone; in label/1 a grant
   that was issued since stays unknown.
"""

from collections.abc import Iterable
from copy import copy

import msgspec

from communicator_model.receiving import Parcel, ReceivingService, Root
from communicator_spec import Grant
from communicator_spec.nodes import Restored

__all__ = ["BackedUpService"]


class BackedUpService(ReceivingService):
    """Goes on in the place of a service, from the instant of its backup."""

    def __init__(self, service: ReceivingService) -> None:
        super().__init__(service._service, service._window, service._emit, remembers_spent=service._remembers_spent)
        self._roots = service._roots
        self._backup = {end: copy(root) for end, root in self._roots.items()}
        self._revoked: dict[int, Root] = {}
        self._opened: set[tuple[int, int, int]] = set()
        self._unknown: dict[int, Root] = {}
        if isinstance(service, BackedUpService):
            self._opened, self._unknown = service._opened, service._unknown

    def issue(self, now_ms: int, end: int, grant: Grant) -> None:
        """Register a grant; of an end that is unknown since the backup was restored, it is for later (2)."""
        root = self._unknown.get(end)
        if root is None:
            super().issue(now_ms, end, grant)
        else:
            root.grants, root.spent = (*root.grants, grant), (*root.spent, 0)

    def accept(self, now_ms: int, parcel: object) -> int | None:
        """Take bytes from anyone."""
        assert isinstance(parcel, Parcel)
        return super().accept(now_ms, self._shut(parcel))

    def confirm(self, now_ms: int, end: int) -> None:
        """Delete what was fetched for one root."""
        self._opened.update((end, parcel.serial, parcel.position) for parcel in self.fetch(end))
        super().confirm(now_ms, end)

    def revoke(self, end: int) -> None:
        """Forget a root."""
        self._unknown.pop(end, None)
        if end in self._roots:
            self._revoked[end] = self._roots[end]
        super().revoke(end)

    def restore(self) -> Restored:
        """Put the backup in place of everything."""
        now = self._roots
        self._unknown.update({end: root for end, root in now.items() if end not in self._backup})
        self._roots = {}
        for end, kept in self._backup.items():
            root = self._roots[end] = copy(kept)
            root.stored = tuple(map(self._shut, kept.stored))
            if self._remembers_spent:  # 3
                bits = {grant.serial: spent for grant, spent in zip(kept.grants, kept.spent, strict=True)}
                root.grants = (now.get(end) or self._revoked.get(end, kept)).grants
                root.spent = tuple([bits.get(grant.serial, 0) for grant in root.grants])
        stored = [end for end, root in self._roots.items() if root.stored]
        return Restored((), sorted(self._unknown), sorted(stored))

    def register(self, end: int, grants: Iterable[Grant]) -> None:
        """Take what a device registers once more, because nothing was known of it (2)."""
        unknown = self._unknown.pop(end, None)
        if unknown is not None:
            known = unknown.grants if self._remembers_spent else tuple(grants)  # 3
            self._roots[end] = Root(known, (0,) * len(known))

    def _shut(self, parcel: Parcel) -> Parcel:
        """Return a message as the device will find it (1)."""
        is_opened = (parcel.end, parcel.serial, parcel.position) in self._opened
        return msgspec.structs.replace(parcel, body=None) if is_opened else parcel
