"""Run the sweep over all operators, versions and types, and add what passes to the list.

    python -m tests.sweep.update                      cases that are not in the list
    python -m tests.sweep.update --all                all cases
    python -m tests.sweep.update Conv Pool            cases of operators whose names have one of these in them
    python -m tests.sweep.update --target aarch64     of those that pass here, in QEMU

The list can only grow: a case in it that fails is reported, and stays.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import onnx

from onnxc import targets
from onnxc.backend import CompiledModel
from tests.backend.cross import CrossModel
from tests.backend.suite import TARGETS
from tests.sweep.cases import Key, keys
from tests.sweep.lists import read, write
from tests.sweep.running import Outcome, run
from tests.workers import Failure, run_jobs

#: Cases in one model.
SIZE = 48


def groups(chosen: Iterable[Key], size: int = SIZE) -> list[tuple[Key, ...]]:
    """Cases that can be in one model: of one version of one domain."""
    found: dict[tuple[str, int], list[Key]] = defaultdict(list)
    for key in chosen:
        found[key.domain, key.version].append(key)
    return [tuple(part[i : i + size]) for part in found.values() for i in range(0, len(part), size)]


@dataclass(frozen=True)
class GroupRunner:
    """Runs groups on a target; made in each process."""

    target: str

    def __call__(self) -> Callable[[Sequence[Key]], dict[Key, Outcome]]:
        target = targets.find(self.target)

        def compile_(model: onnx.ModelProto) -> CompiledModel:
            return CompiledModel(model, jobs=1) if self.target == "host" else CrossModel(model, target, jobs=1)

        return lambda group: run(group, compile_)


def sweep(chosen: Sequence[Key], target: str, count: int, limit: float) -> Iterator[dict[Key, Outcome]]:
    """Run cases in processes; a group that crashes is run again in halves."""
    waiting = groups(chosen)
    while waiting:
        again: list[tuple[Key, ...]] = []
        for group, result in run_jobs(waiting, GroupRunner(target), count, limit):
            if not isinstance(result, Failure):
                yield result
            elif len(group) == 1:
                yield {group[0]: Outcome(message=result.message)}
            else:
                again += [group[: len(group) // 2], group[len(group) // 2 :]]
        waiting = again


def _write_failures(path: str, results: Mapping[Key, Outcome]) -> None:
    with open(path, "w") as file:
        file.writelines(f"{key}\t{found.message}\n" for key, found in sorted(results.items()) if not found.oracle)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="run the cases of operators whose names have one of these in them")
    parser.add_argument("--all", action="store_true", help="run cases that are in the list, too")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes")
    parser.add_argument("--limit", type=float, default=600, help="seconds for a model of many cases")
    parser.add_argument("--failures", metavar="FILE", help="write what does not pass, and why, to a file")
    parser.add_argument("--target", choices=TARGETS, default="host", help="run them on that, in QEMU")
    options = parser.parse_args()

    listed = read(options.target)
    chosen: Sequence[Key] = keys() if options.target == "host" else tuple(read("host"))
    if options.words:
        chosen = [key for key in chosen if any(word in key.operator for word in options.words)]
    chosen = [key for key in chosen if options.all or key not in listed]
    results: dict[Key, Outcome] = {}
    for part in sweep(chosen, options.target, options.jobs, options.limit):
        results.update(part)
        write(options.target, {**listed, **{key: found.oracle for key, found in results.items() if found.oracle}})
        if options.failures:
            _write_failures(options.failures, results)
        print(f"\r{len(results)}/{len(chosen)} ", end="", file=sys.stderr, flush=True)

    failures = {key: found.message for key, found in results.items() if not found.oracle}
    for key in sorted(set(listed) & set(failures)):
        print(f"in the list, but fails: {key}: {failures[key]}")
    print(f"{len(results) - len(failures)} of {len(results)} pass; {len(read(options.target))} in the list")
    return 1 if set(listed) & set(failures) else 0


if __name__ == "__main__":
    sys.exit(main())
