"""Postfix with folders of its own, and the load that comes with it.

Theory. What is compared is a mail server that takes messages into its queue, each synced to the disk before it says
250, and throws them away afterwards. It gets what speeds it up: no look-ups of names, no checks, no limits of clients,
no brake on what comes in faster than it goes out. Nothing of an installed Postfix is read or changed.
"""

import os
import pwd
import resource
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.services.ports import free_port

__all__ = ["NEEDED", "Sent", "is_installed", "postfix", "send", "wait_until_empty"]

NEEDED = "Postfix is not measured: it takes root and `apt-get install --no-install-recommends postfix`"
START_S = 20.0
EMPTY_S = 120.0
QUEUES = ("incoming", "active", "deferred", "maildrop")

MAIN = """compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file_prefixes = {folder}
maillog_file = {folder}/log
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost.localdomain
mydestination = localhost
local_recipient_maps =
local_transport = discard:
alias_maps =
alias_database =
default_process_limit = 200
in_flow_delay = 0
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_peername_lookup = no
smtpd_recipient_restrictions = permit
"""

MASTER = """127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
discard unix - - n - - discard
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
flush unix n - n 1000? 0 flush
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix(NamedTuple):
    """A server that runs."""

    folder: Path
    port: int


class Sent(NamedTuple):
    """How long a load took, and how much time of a processor its generator used."""

    wall_s: float
    cpu_s: float


def is_installed() -> bool:
    """Tell whether there is a Postfix that this user may start."""
    return os.geteuid() == 0 and all(shutil.which(name) for name in ("postfix", "smtp-source"))


@contextmanager
def postfix() -> Iterator[Postfix]:
    """Run a server on a free port of the loopback address."""
    folder, port = Path(tempfile.mkdtemp(prefix="communicator-postfix-")), free_port()
    folder.chmod(0o755)
    for name in ("queue", "data", "config"):
        (folder / name).mkdir(mode=0o755)
    os.chown(folder / "data", pwd.getpwnam("postfix").pw_uid, -1)
    (folder / "config" / "main.cf").write_text(MAIN.format(folder=folder))
    (folder / "config" / "master.cf").write_text(MASTER.format(port=port))
    command = ("postfix", "-c", str(folder / "config"))
    subprocess.run((*command, "start"), check=True, capture_output=True)
    try:
        _wait(port)
        yield Postfix(folder, port)
    finally:
        subprocess.run((*command, "stop"), check=True, capture_output=True)
        shutil.rmtree(folder)


def send(server: Postfix, messages: int, connections: int, size: int, *, keeps: bool) -> Sent:
    """Send messages of `size` bytes by smtp-source; `keeps`: over kept connections, else one for each message."""
    load = ("-s", str(connections), "-m", str(messages), "-l", str(size), *(("-d",) if keeps else ()))
    people = ("-f", "a@localhost", "-t", "b@localhost")
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(("smtp-source", *load, *people, f"127.0.0.1:{server.port}"), check=True, capture_output=True)
    wall_s, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Sent(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def wait_until_empty(server: Postfix) -> None:
    """Wait until all that was taken is delivered."""
    until = time.monotonic() + EMPTY_S
    while any(path.is_file() for name in QUEUES for path in (server.folder / "queue" / name).rglob("*")):
        if time.monotonic() > until:
            raise RuntimeError("Postfix does not empty its queue")
        time.sleep(0.1)


def _wait(port: int) -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
