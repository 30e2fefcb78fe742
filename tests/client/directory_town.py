"""Real services for relationships that begin at a directory: post, a directory that takes tokens, an issuer."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tests.services import asking
from tests.services.running import Service

from communicator_impl.entropy import SystemEntropy
from communicator_impl.services import directory_store
from communicator_impl.services.database import Database

ENTROPY: Final = SystemEntropy()


class Town(NamedTuple):
    """Three processes, and what their operators do."""

    post: Service
    directory: Service
    issuer: Service

    def name(self, name: str) -> bytes:
        """Give a name away; return its access key."""
        key, database = ENTROPY.draw("key", 32), Database(self.directory.database)
        database.transact(lambda connection: directory_store.open_account(connection, name, key))
        database.close()
        return key

    def account(self) -> bytes:
        """Open an account; return its access key."""
        return asking.open_account(self.issuer)


@contextmanager
def town(folder: Path, *, per_day: int = 16, allowed: int = 1024, mode: str = "brokered") -> Iterator[Town]:
    allowances = f"{{query = {allowed}, contact = {allowed}}}"
    settings = {"COMMUNICATOR_AUTHORIZATION_ALLOWANCES": allowances}
    with Service(folder, "authorization", settings=settings) as issuer, Service(folder, "both") as post:
        rules = {
            "COMMUNICATOR_DIRECTORY_MODE": mode,
            "COMMUNICATOR_DIRECTORY_CONTACTS_PER_DAY": str(per_day),
            "COMMUNICATOR_DIRECTORY_TOKENS": f'{{query = ["{issuer.uri}"], contact = ["{issuer.uri}"]}}',
            "COMMUNICATOR_SERVICE_OPERATOR": "Directory",
        }
        with Service(folder, "directory", settings=rules) as directory:
            yield Town(post, directory, issuer)
