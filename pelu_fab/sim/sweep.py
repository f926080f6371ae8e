"""Where jobs run: here, in processes, or on a Dask cluster. The same results, in the same order, each way."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from pelu_fab.errors import FabError

In = TypeVar("In")
Out = TypeVar("Out")
Runner = Callable[[Callable[[In], Out], Sequence[In]], Iterable[Out]]


@contextmanager
def runner(*, workers: int = 1, scheduler: str | None = None) -> Iterator[Callable[..., Iterable[object]]]:
    """A `map(function, items)` in item order: here, in `workers` processes, or on the cluster at `scheduler`."""
    if scheduler is not None:
        with _cluster(scheduler) as run:
            yield run
    elif workers > 1:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            yield pool.map
    else:
        yield map


@contextmanager
def _cluster(address: str) -> Iterator[Callable[..., Iterable[object]]]:
    try:
        from distributed import Client
    except ImportError as error:
        raise FabError("--scheduler", "needs the package distributed", "install pelu_fab[cluster]") from error
    try:
        client = Client(address, timeout="10s", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise FabError(f"scheduler {address}", "does not answer", "check the address, as in tcp://host:8786") from error

    def run(function: Callable[[In], Out], items: Sequence[In]) -> list[Out]:
        futures = client.map(function, list(items), pure=False)
        return list(client.gather(futures))

    try:
        yield run
    finally:
        client.close()
