"""The reference implementation with a part of its cores that does wrong, as a testee: `python broken_roles.py NAME`.

The parts are those that simulations are tested with (`tests.simulations.mutants`).
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))


def main(name: str) -> None:
    from tests.simulations.mutants import MUTANTS

    from communicator_impl.adapter import main, opening, services

    parts = MUTANTS[name].parts
    changed = {"own_type": parts.own, "peer_type": parts.peer, "outbox_type": parts.outbox}
    roles: dict[Any, dict[str, object]] = {
        opening: {"RelationshipManager": type("Broken", (parts.manager,), changed), "Inbox": parts.inbox},
        services: {"ReceivingService": parts.receiving, "SendingService": parts.sending},
    }
    for module, names in roles.items():
        for role, broken in names.items():
            setattr(module, role, broken)
    main()


if __name__ == "__main__":
    main(sys.argv[1])
