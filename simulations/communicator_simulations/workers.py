"""Independent jobs on several processes.

Jobs share nothing, so their results do not depend on the number of workers. Ctrl-C is answered by the parent alone: it
ends the workers and raises `KeyboardInterrupt`; a job that was under way leaves no trace.
"""

import os
import signal
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TypeVar

__all__ = ["finished"]

J = TypeVar("J")
R = TypeVar("R")


def finished(work: Callable[[J], R], jobs: Sequence[J], workers: int, *,
             fresh: bool = False) -> Generator[tuple[J, R], None, None]:  # fmt: skip
    """Yield each job with its result as soon as it is finished, in no particular order.

    With one worker the jobs run in this process, one after the other. An error in a job is raised here. `fresh`: start
    workers from nothing, for jobs that use libraries with threads of their own (polars), which do not survive a fork.
    """
    if workers <= 1 or len(jobs) <= 1:
        for job in jobs:
            yield job, work(job)
        return
    context = get_context("fork" if os.name == "posix" and not fresh else "spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context, initializer=_ignore_interrupt) as pool:
        futures = {pool.submit(work, job): job for job in jobs}
        processes = dict(pool._processes)
        try:
            for future in as_completed(futures):
                yield futures.pop(future), future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(processes.values()):
                process.terminate()
            raise


def _ignore_interrupt() -> None:
    """Let the parent alone answer Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
