"""Compiled models in Python among threads and processes; when they are closed, and what becomes of them."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from collections.abc import Callable

import numpy as np
import pytest

from onnxc.runtime_stub.loader import Model, RunError, load
from tests.runtime.rows_model import Library, X, check_rows, contexts, rows_inputs


def in_threads(number: int, work: Callable[[int], object]) -> None:
    """Run work in threads at the same time, and raise what one of them raised."""
    errors: list[BaseException] = []

    def guarded(index: int) -> None:
        try:
            work(index)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        raise error


def test_runs_are_concurrent(library: Library) -> None:
    """Each run waits inside C for another one, so the lock of Python must be free, and the arenas must be two."""
    model = load(library("meeting"), threads=1)
    addresses: dict[int, int] = {}
    for _ in range(3):
        in_threads(2, lambda index: addresses.update({index: int(model()["where"][0])}))
        assert abs(addresses[0] - addresses[1]) >= 100
        assert addresses[0] % 64 == addresses[1] % 64 == 0
    assert len(contexts(model)) == 2


def test_many_threads_share_a_pool(rows: Model) -> None:
    def work(index: int) -> None:
        for repeat in range(60):
            left, right = rows_inputs(index + 1, repeat % 7 + 2)
            check_rows(left, right, rows(left, right))

    in_threads(6, work)


def test_close_waits_for_runs(library: Library) -> None:
    model = load(library("meeting"), threads=2)

    def run_and_close(index: int) -> None:
        model()
        model.close()

    in_threads(2, run_and_close)
    with pytest.raises(RunError, match="model 'meeting' is closed"):
        model()
    model.close()


def test_a_model_that_nobody_holds_is_unloaded(library: Library) -> None:
    """At once: nothing in it holds itself."""
    gc.disable()
    try:
        model = load(library("doubling"), threads=1)
        model(X)
        ends = weakref.ref(model._library)
        del model
        assert ends() is None
    finally:
        gc.enable()


def test_context_manager(library: Library) -> None:
    with load(library("doubling"), threads=2) as model:
        np.testing.assert_array_equal(model(X)["y"], 2 * X)
    with pytest.raises(RunError, match="closed"):
        model(X)


def number_of_tasks() -> int:
    return len(os.listdir("/proc/self/task"))


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs Linux's list of threads")
def test_threads_end_with_the_model(library: Library) -> None:
    gc.collect()
    before = number_of_tasks()
    models = [load(library("rows"), threads=4) for _ in range(2)]
    assert number_of_tasks() == before + 6
    models[0].close()
    assert number_of_tasks() == before + 3
    del models
    gc.collect()
    assert number_of_tasks() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_after_fork(library: Library) -> None:
    """The child has none of its parent's threads; the model makes new ones there."""
    model = load(library("rows"), threads=3)
    left, right = rows_inputs(100, 5)
    check_rows(left, right, model(left, right))
    child = os.fork()
    if child == 0:
        status = 1
        try:
            check_rows(left, right, model(left, right))
            status = 0 if number_of_tasks() == 3 else 2
            model.close()
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    check_rows(left, right, model(left, right))
