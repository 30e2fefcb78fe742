"""A disk that can only be read: a start says so in one line, a running service acknowledges nothing and goes on after.

At the start, the folder is a file system that is mounted read-only, and besides one without the permission to write
(root is asked for none: so the process has to be without the capability that makes it so). While a service runs, its
files are made immutable: the kernel then refuses each write, also to files that are open. Where a machine allows
neither mounting nor that, permissions, and a limit of no bytes for each file, are what remains.
"""

import os
import subprocess
from pathlib import Path

from tests.patience import PATIENCE_S
from tests.services.disk import mounted, refused, until_ready_is
from tests.services.owning import TwoLayerOwner, accept, body, config_of, settled
from tests.services.ports import free_port
from tests.services.running import COMMAND, Service

WITHOUT = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
"""Runs a command as root that is asked for permissions as everybody is."""


def starts(database: Path, before: tuple[str, ...] = ()) -> tuple[int, str]:
    """Start a service as from the command line; returns its exit code and what it wrote."""
    url = {"COMMUNICATOR_DATABASE_URL": f"sqlite:///{database}", "COMMUNICATOR_SERVICE_LISTEN_PORT": str(free_port())}
    command = (*before, *COMMAND, "receiving")
    done = subprocess.run(command, env=os.environ | url, capture_output=True, text=True, timeout=2 * PATIENCE_S)
    return done.returncode, done.stdout + done.stderr


def test_a_start_on_a_disk_that_can_only_be_read_says_what_to_do(tmp_path: Path) -> None:
    says = "name a file that this process may write, in a folder that it may write\n"
    folder = tmp_path / "disk"
    is_mounted = mounted(folder)
    try:
        database = folder / "receiving.sqlite3"
        with Service(folder, "receiving", database=f"sqlite:///{database}") as service:
            assert service.stop() == 0
        folder.chmod(0o555)
        for path in folder.iterdir():
            path.chmod(0o444)
        permissions = starts(database, WITHOUT if os.geteuid() == 0 else ())
        assert permissions == (2, f"communicator: database.url: {database}: Permission denied; {says}")
        if is_mounted:
            subprocess.run(("mount", "-o", "remount,ro", str(folder)), check=True)
            assert starts(database) == (2, f"communicator: database.url: {database}: Read-only file system; {says}")
    finally:
        folder.chmod(0o755) if not is_mounted else subprocess.run(("umount", str(folder)), check=True)


def test_a_disk_that_turns_read_only_acknowledges_nothing_and_needs_no_restart(tmp_path: Path) -> None:  # SVC-6, SVC-8
    with Service(tmp_path, "receiving") as service, service.client() as client:
        client.event_hooks = {}
        owner = TwoLayerOwner(config_of(client, service.uri)).register(client)
        assert accept(client, owner.request(0, body(0))) == 202
        assert len(settled(client, owner, 1)) == 1
        with refused(service) as way:
            statuses = [accept(client, owner.request(index, body(index))) for index in range(1, 10)]
            assert statuses == [503] * 9, way
            assert client.get("/.well-known/communicator.json").status_code == 200
            until_ready_is(service, 503)
        assert accept(client, owner.request(20, body(20))) == 202
        assert [one.ciphertext for one in settled(client, owner, 2)] == [body(0), body(20)]
        until_ready_is(service, 200)
        assert service.log.read_text().count("accept failed") == 1, way
