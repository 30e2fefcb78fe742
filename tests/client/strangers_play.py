"""Ann has a name at a directory, and Ben an account: what tests of strangers begin with, in a world in memory."""

from pathlib import Path
from typing import Final

from tests.client.small_post import Deaths, Host, World
from tests.client.small_town import ACCOUNT, ISSUER, NAMES, Town, TownAsker, document_of

from communicator_impl.directory_service import Mode
from communicator_impl.document import Document

__all__ = ["KEEPS", "Play"]

KEEPS: Final = 2


class Play:
    """Ann has a name, and Ben has an account; either may die."""

    def __init__(
        self,
        folder: Path,
        at: tuple[int, bool] | None = None,
        whose: int = 0,
        *,
        allowed: int = 1024,
        mode: Mode = Mode.BROKERED,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.world = World()
        self.town = Town(self.world, allowed=allowed, mode=mode)
        self.askers = list[TownAsker]()
        self.ann, self.ben = (Host(folder / n, self.world, n, self.asker) for n in ("ann", "ben"))
        self.hosts: tuple[Host, ...] = (self.ann, self.ben)
        self.key = self.town.register("ann")
        self.hosts[whose].deaths.at = at

    def asker(self, deaths: Deaths) -> TownAsker:
        self.askers.append(TownAsker(self.town, deaths))
        return self.askers[-1]

    def go_on(self, turns: int = 4, step_ms: int = 120_000) -> None:
        for _ in range(turns):
            for host in self.hosts:
                host.turn()
            self.world.post()
            self.world.now_ms += step_ms

    def document(self) -> Document:
        return document_of(self.town, NAMES)

    def stock(self) -> int:
        return self.town.directory.stock(self.world.now_ms, self.key, "ann")

    def register(self, keeps: int = KEEPS) -> None:
        def register() -> None:
            self.ann.device.names.register(NAMES, "ann", self.key, keeps)

        self.ann.survive(register)
        while not self.ann.device.names.all() or not self.ann.device.names.name(NAMES, "ann").looks:
            self.ann.survive(register)

    def open_account(self) -> None:
        while not self.ben.device.purses.accounts():
            self.ben.survive(lambda: self.ben.device.purses.open_account(ISSUER, ACCOUNT))

    def find(self) -> None:
        while not self.ben.device.history.people():
            self.ben.survive(lambda: self.ben.device.finder.find(NAMES, "ann", "Ann", "may I?"))

    def let_in(self) -> int:
        for _ in range(4):
            for waiting in self.ann.device.strangers.waiting():
                number = waiting.relationship
                self.ann.survive(lambda: self.ann.device.strangers.agree(number, "Ben"))  # noqa: B023 - called at once
        found = list(self.ann.device.history.people())
        assert len(found) == 1, "a stranger was lost"
        return found[0]

    def close(self) -> None:
        for host in self.hosts:
            host.close()
