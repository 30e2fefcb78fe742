"""What one core carries of each service, on one SQLite file and on one PostgreSQL, by one instance and by two.

Run: python -m tests.benchmarks capacity --json

Theory. How many requests a machine answers in a second depends on what else it does; how much time of a core a request
takes, much less. So what is counted is the time of a core that the service takes for one operation, with the processes
behind it, and what PostgreSQL takes beside it: their inverses are what a core carries. `seen/s` is what came out while
clients, service and database shared the cores of this machine, and is a lower bound. Sizes are those of all tables with
their indexes, before and after.
"""

import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count, cycle
from pathlib import Path
from typing import NamedTuple

import httpx
from sqlalchemy import delete, insert, text
from tests.benchmarks._figures import Row, Titled
from tests.services.asking import CBOR, ENTROPY, OCTETS, Person, asked, bearer, body_of, issuing, open_account, path_of
from tests.services.four import ROLES, databases, metrics
from tests.services.owning import LabelOwner, TwoLayerOwner, accept, body, config_of, now_s
from tests.services.ports import free_port
from tests.services.postgres import postgres
from tests.services.running import Service

from communicator_impl.services.database import Database
from communicator_impl.services.schema import metadata, spent
from communicator_impl.submission import Submission
from communicator_impl.tokens import Purpose

TICKS = os.sysconf("SC_CLK_TCK")
THREADS = 4
OPEN = {
    "COMMUNICATOR_SENDING_NAMED_ADDRESSES": '["127.0.0.1"]',
    "COMMUNICATOR_AUTHORIZATION_ALLOWANCES": "{" + ", ".join(f"{one.value} = 1000000" for one in Purpose) + "}",
    "COMMUNICATOR_DIRECTORY_MODE": "brokered",
}
SPENT, WAITING, IDLE_S, WINDOWS = 100_000, 2000, 5.0, 6


class Scale(NamedTuple):
    """How much is done: operations of each kind."""

    operations: int = 1200
    batches: int = 6
    spent: int = SPENT
    waiting: int = WAITING


class Site:
    """Instances of one service on one database, and the server of that, if it is one."""

    def __init__(self, role: str, url: str, instances: int, folder: Path) -> None:
        self.role, self.database, self.kind = role, url, url.partition(":")[0].partition("+")[0]
        self.instances = [Service(folder, role, database=url, settings=OPEN) for _ in range(1)]
        self.uri = self.instances[0].base
        self.instances += [
            Service(folder, role, database=url, uri=self.uri, settings=OPEN) for _ in range(instances - 1)
        ]

    def clients(self, stack: ExitStack) -> list[httpx.Client]:
        bases = [one.base for one in self.instances]
        return [stack.enter_context(httpx.Client(base_url=base, timeout=70)) for base in bases]

    def service_s(self) -> float:
        """Return the processor time of all instances so far, with the processes that they started."""
        return sum(tree_s(pid_of(one)) for one in self.instances)

    def server_s(self) -> float:
        """Return the processor time of PostgreSQL so far; 0 for SQLite, which is in the instance."""
        if self.kind != "postgresql":
            return 0.0
        with opened(self) as database, database.reading() as connection:
            backend = int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
            return tree_s(int(stat(backend)[1]))

    def bytes(self) -> int:
        """Return the size of all tables with their indexes."""
        with opened(self) as database, database.reading() as connection:
            if self.kind == "sqlite":
                pages, free, size = (
                    int(connection.execute(text(f"PRAGMA {name}")).scalar_one())
                    for name in ("page_count", "freelist_count", "page_size")
                )
                return (pages - free) * size
            wanted = (
                "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relname = ANY(:names)"
            )
            return int(connection.execute(text(wanted), {"names": sorted(metadata.tables)}).scalar_one())


def pid_of(instance: Service) -> int:
    assert instance._process is not None
    return instance._process.pid


def stat(pid: int) -> list[str]:
    """Return what the kernel says of a process, from its state on: state, parent, …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree_s(pid: int) -> float:
    """Return the processor time of a process and all below it, those that have ended included."""
    children = [int(one) for path in Path(f"/proc/{pid}/task").glob("*/children") for one in path.read_text().split()]
    return sum(map(int, stat(pid)[11:15])) / TICKS + sum(tree_s(child) for child in children if alive(child))


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").exists()


def resident(pid: int) -> int:
    """Return the bytes of memory that a process has now."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


@contextmanager
def opened(site: Site) -> Iterator[Database]:
    database = Database(site.database)
    try:
        yield database
    finally:
        database.close()


Job = Callable[[httpx.Client, int], None]


class Meter:
    """Measures operations of one service, and what a row of each costs."""

    def __init__(self, site: Site) -> None:
        self.site, self.rows = site, list[Row]()

    def measure(self, name: str, job: Job, times: int, each: int = 1, settle: Callable[[], None] = lambda: None) -> int:
        """Do a job so often, at all instances; returns by how many bytes the database grew for one."""
        before, began = (self.site.service_s(), self.site.server_s(), self.site.bytes()), time.monotonic()
        with ExitStack() as stack:
            clients = [self.site.clients(stack) for _ in range(THREADS)]

            def work(place: int) -> None:
                mine = cycle(clients[place])
                for number in range(place, times, THREADS):
                    job(next(mine), number)

            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(work, range(THREADS)))
        settle()
        took_s, n = time.monotonic() - began, times * each
        service_ms = 1000 * (self.site.service_s() - before[0]) / n
        server_ms = 1000 * (self.site.server_s() - before[1]) / n
        where: Row = {"operation": name, "database": self.site.kind, "instances": len(self.site.instances)}
        per_core = 1000 / max(service_ms, 1e-3)
        times_of = {
            "service ms": service_ms,
            "database ms": server_ms,
            "per core and s": per_core,
            "seen/s": n / took_s,
        }
        self.rows.append({**where, **times_of})
        return (self.site.bytes() - before[2]) // n


def succeeds(answer: httpx.Response) -> httpx.Response:
    assert answer.status_code < 300, answer.text
    return answer


# -------------------------------------------------------------------- each service


def authorization(meter: Meter, scale: Scale) -> dict[str, int]:
    """Issue tokens in batches of 64, each asked for by another account."""
    with meter.site.instances[0].client() as client:
        key = issuing(client, Purpose.SUBMIT)
    batches = [body_of(asked(key, meter.site.uri, "https://any.example", 64)) for _ in range(scale.batches)]
    accounts = [open_account(meter.site) for _ in batches]

    def issue(client: httpx.Client, number: int) -> None:
        succeeds(client.post("/v1/tokens", content=batches[number], headers=bearer(accounts[number]) | OCTETS))

    meter.measure("a token issued", issue, scale.batches, 64)
    return {}


def directory(meter: Meter, scale: Scale) -> dict[str, int]:
    """Register names, and look them up."""
    people = [Person(meter.site, f"person {number} at {id(meter)}") for number in range(scale.operations // 4)]
    entries = [person.entry() for person in people]

    def register(client: httpx.Client, number: int) -> None:
        succeeds(people[number].put(client, entries[number]))

    size = meter.measure("a name registered", register, len(people))

    def look(client: httpx.Client, number: int) -> None:
        succeeds(client.get(path_of(people[number % len(people)].name)))

    meter.measure("a name looked up", look, scale.operations)
    stock = [people[0].contact().encode() for _ in range(16)]

    def deposit(client: httpx.Client, number: int) -> None:
        succeeds(people[0].deposit(client, stock))

    return {
        "a name in a directory": size,
        "a contact in stock": meter.measure("16 contacts taken", deposit, 1, 1) // 16,
    }


def receiving(meter: Meter, scale: Scale) -> dict[str, int]:
    """Register roots of both profiles, accept and resolve messages, fetch and confirm them."""
    with meter.site.instances[0].client() as client:
        config = config_of(client, meter.site.uri)
    n = scale.operations // 4
    owners = [TwoLayerOwner(config) for _ in range(n)]
    labelled = [LabelOwner(config) for _ in range(n)]
    sizes = {"a root of two-layer/1": meter.measure("a root registered", lambda c, i: void(owners[i].register(c)), n)}
    name = "a root of label/1 with one epoch of one lane"
    sizes[name] = meter.measure("a root and an epoch registered", lambda c, i: void(labelled[i].register(c)), n)
    requests = [owners[i % n].request(i // n, body(i)) for i in range(scale.operations)]

    def take(client: httpx.Client, number: int) -> None:
        assert accept(client, requests[number]) == 202

    def settle() -> None:
        while any(metrics(one)["communicator_requests_to_resolve"] for one in meter.site.instances):
            time.sleep(0.05)
        time.sleep(2.5)  # counted once in two seconds

    name = "a message accepted and resolved"
    sizes["a message that waits (a ciphertext of 2,800 bytes)"] = meter.measure(name, take, len(requests), 1, settle)
    each = -(-len(requests) // n)
    meter.measure("a message fetched and confirmed", lambda c, i: void(owners[i].drain(c)), n, each)
    return sizes


def void(_value: object) -> None:
    """Throw a value away."""


def sending(meter: Meter, scale: Scale) -> dict[str, int]:
    """Keep submissions for a receiving service that does not answer."""
    uri = f"http://127.0.0.1:{free_port()}"
    contents = [Submission(uri, body(i), (now_s() + 600) * 1000).encode() for i in range(scale.operations)]

    def submit(client: httpx.Client, number: int) -> None:
        succeeds(client.post("/v1/submit", content=contents[number], headers=CBOR))

    sizes = {"a submission (a request of 2,800 bytes)": meter.measure("a submission kept", submit, len(contents))}
    files = [ENTROPY.draw("file", 65_536) for _ in range(max(2, scale.operations // 20))]

    def store(client: httpx.Client, number: int) -> None:
        succeeds(client.post("/v1/attachments?lifetime=86400", content=files[number], headers=OCTETS))

    sizes["an upload of one chunk (65,536 bytes)"] = meter.measure("a chunk uploaded", store, len(files))
    return sizes


SERVICES: Mapping[str, Callable[[Meter, Scale], dict[str, int]]] = {
    "authorization": authorization,
    "directory": directory,
    "receiving": receiving,
    "sending": sending,
}


# -------------------------------------------------------------------- spent tokens, and who waits


def spending(site: Site, scale: Scale) -> tuple[Row, int]:
    """Fill the set of spent tokens, and erase what has ended, as the keeper does."""
    numbers, before = count(), site.bytes()
    with opened(site) as database:
        began = time.monotonic()
        for _ in range(scale.spent // 1000):
            rows = [
                {
                    "key_id": bytes(32),
                    "nonce": ENTROPY.draw("nonce", 32),
                    "ends_s": next(numbers) % 2,
                    "digest": bytes(32),
                }
                for _ in range(1000)
            ]
            database.transact(lambda connection, rows=rows: void(connection.execute(insert(spent), rows)))  # type: ignore[misc]
        filled_s, size = time.monotonic() - began, (site.bytes() - before) // scale.spent
        began = time.monotonic()
        database.transact(lambda connection: void(connection.execute(delete(spent).where(spent.c.ends_s <= 0))))
        erased_s = time.monotonic() - began
    where: Row = {"database": site.kind, "bytes a token": size}
    return {**where, "marked/s": scale.spent / filled_s, "erased/s": scale.spent / 2 / erased_s}, size


def waiting(site: Site, scale: Scale) -> Row:
    """Hang devices at one instance, each in a long poll of its own."""
    instance, owners = site.instances[0], 100
    with instance.client() as client:
        config = config_of(client, site.uri)
        roots = [TwoLayerOwner(config).register(client) for _ in range(min(owners, scale.waiting))]
        before = resident(pid_of(instance))
        with ExitStack() as stack:
            for number in range(scale.waiting):
                hang(
                    stack.enter_context(socket.create_connection(("127.0.0.1", instance.port))),
                    roots[number % len(roots)],
                )
            until = time.monotonic() + 30
            while (
                hung := metrics(instance)["communicator_waiting_devices"]
            ) < scale.waiting and time.monotonic() < until:
                time.sleep(0.1)
            idle = min(share(site) for _ in range(WINDOWS))  # each looks once first, which takes its time
            grown = resident(pid_of(instance)) - before
    where: Row = {"database": site.kind, "devices asked": scale.waiting, "devices that wait": hung}
    return {
        **where,
        "MiB before": before / 2**20,
        "KiB a device": grown / 1024 / max(hung, 1),
        "% of a core, idle": idle,
    }


def share(site: Site) -> float:
    """Return what all instances take of a core for a while, in per cent."""
    begun_s, before_s = time.monotonic(), site.service_s()
    time.sleep(IDLE_S)
    return 100 * (site.service_s() - before_s) / (time.monotonic() - begun_s)


def hang(connection: socket.socket, owner: TwoLayerOwner) -> None:
    lines = (
        "GET /v1/messages?wait=60 HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: {owner.authority['authorization']}",
    )
    connection.sendall("\r\n".join((*lines, "", "")).encode())


# -------------------------------------------------------------------- all of it


def tables(is_short: bool) -> list[Titled]:
    """Return what operations cost, what rows take, what spent tokens take, and what devices that wait take."""
    scale = Scale(16, 1, 1000, 8) if is_short else Scale()
    found: dict[str, list[Row]] = {"operations": [], "bytes": [], "spent tokens": [], "waiting devices": []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(postgres())
        for instances in (1, 2):
            urls = stack.enter_context(databases(server, [f"{role}-{instances}" for role in ROLES]))
            if instances == 1:
                _at(found, {role: f"sqlite:///{folder}/{role}.sqlite3" for role in ROLES}, 1, folder, scale)
            _at(found, {role: urls[f"{role}-{instances}"] for role in ROLES}, instances, folder, scale)
    return list(found.items())


def _at(found: dict[str, list[Row]], urls: Mapping[str, str], instances: int, folder: Path, scale: Scale) -> None:
    for role, measured in SERVICES.items():
        site = Site(role, urls[role], instances, folder)
        with ExitStack() as stack:
            for one in site.instances:
                stack.enter_context(one)
            meter = Meter(site)
            sizes = measured(meter, scale)
            found["operations"] += meter.rows
            if instances == 1:
                found["bytes"] += [{"what": name, "database": site.kind, "bytes": size} for name, size in sizes.items()]
            if instances == 1 and role == "receiving":
                found["waiting devices"].append(waiting(site, scale))
                found["spent tokens"].append(spending(site, scale)[0])
