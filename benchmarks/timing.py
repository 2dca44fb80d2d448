"""What benchmarks measure time with."""

import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def best(repeats: int, work: Callable[[], object]) -> float:
    """Return the shortest time that *work* took, in seconds, after it was done once to warm up."""
    work()
    gc.collect()
    gc.freeze()  # what scikit-learn and BeautifulSoup have loaded would make every collection slower than in the program
    took = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        took.append(time.perf_counter() - begin)
    return min(took)


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process on one core, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
