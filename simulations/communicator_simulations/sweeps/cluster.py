"""Independent jobs on a Dask cluster: the same as `workers.finished`, over many machines.

Theory. The client holds what is to be done and what came back; scheduler and workers hold nothing that would be missed.
A worker that dies has its job done by another (the scheduler sees to it). A scheduler that dies takes its queue along:
the client waits for one at the same address and hands in what is still open.

Rules:

1. Only the client writes results, so workers need no common disk. What has come back is never handed in again.
2. Without a scheduler at the beginning there is an error at once; one that is lost later is waited for.
3. A job that ends one worker after the other is reported, and not tried for ever.

Whoever reaches a Dask scheduler runs code on its workers: keep it in a trusted network, or give `tls://…`.
"""

import logging
import pickle
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from typing import Final, TypeVar

from communicator_simulations.sweeps.store import SweepError

__all__ = ["finished_on"]

J = TypeVar("J")
R = TypeVar("R")

_CONNECT_S: Final = 10.0
_PATIENCE_S: Final = 600.0
_PAUSE_S: Final = 0.5


class _LostError(Exception):
    """The scheduler went away."""


def finished_on(address: str, work: Callable[[J], R], jobs: Sequence[J], say: Callable[[str], None],
                *, patience_s: float = _PATIENCE_S,
                connect_s: float = _CONNECT_S) -> Generator[tuple[J, R], None, None]:  # fmt: skip
    """Yield each job with its result as soon as it is finished, in no particular order.

    `say` is told when the scheduler is lost and found. Raises `SweepError` if there is none, or none any more for
    `patience_s` seconds; an error in a job is raised here.
    """
    open_jobs = dict(enumerate(jobs))
    until_s: float | None = None  # None: no scheduler was seen yet
    while open_jobs:
        try:
            for number, result in _handed_in(address, work, open_jobs, connect_s):
                until_s = time.monotonic() + patience_s
                if number is not None:
                    yield open_jobs.pop(number), result
        except _LostError as error:
            if until_s is None:
                raise SweepError(f"no Dask scheduler answers at {address} ({error}); start one, or check it") from None
            if time.monotonic() > until_s:
                raise SweepError(f"the scheduler at {address} did not come back; the same command goes on") from None
            say(f"the scheduler at {address} is gone; waiting for it with {len(open_jobs)} runs open")
            time.sleep(_PAUSE_S)


def _handed_in(address: str, work: Callable[[J], R], jobs: dict[int, J],
               connect_s: float) -> Iterator[tuple[int | None, R]]:  # fmt: skip
    """Hand in all jobs once, and yield results by number; first a None, when the scheduler has answered."""
    try:
        from distributed import CancelledError, Client, as_completed
    except ImportError:
        raise SweepError("--cluster needs Dask: pip install 'communicator[cluster]'") from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=connect_s, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise _LostError(error) from None
    try:
        yield None, None  # type: ignore[misc]
        futures = {client.submit(_tried, pickle.dumps((work, job)), pure=False): number for number, job in jobs.items()}
        for future in as_completed(list(futures), loop=client.loop):  # type: ignore[no-untyped-call]
            if future.status == "error":
                raise _explained(future.exception())
            try:
                result, failure = future.result()
            except (OSError, CancelledError):
                raise _LostError from None
            if failure is not None:
                raise failure
            yield futures.pop(future), result
    finally:
        with suppress(OSError):
            client.close(timeout=connect_s)  # type: ignore[no-untyped-call]


def _tried(packed: bytes) -> tuple[object, Exception | None]:
    """Do a job on a worker; an error of the job is an answer, so that it is told from one of the cluster."""
    work, job = pickle.loads(packed)
    try:
        return work(job), None
    except Exception as error:
        return None, error


def _explained(error: BaseException | None) -> SweepError:
    """Say what a cluster that could not do a job says."""
    from distributed.scheduler import KilledWorker

    if isinstance(error, KilledWorker):
        return SweepError("a run ended one worker after the other: is there too little memory for it?")
    return SweepError(f"the workers cannot run this ({error}); install the same Communicator there")
