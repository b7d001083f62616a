"""Run the onnx package's test cases and add those that pass to the list.

    python -m tests.backend.update                 cases that are not in the list
    python -m tests.backend.update --all           all cases
    python -m tests.backend.update node/test_conv  cases whose name has one of these in it
    python -m tests.backend.update --target aarch64  of those that pass here, cases that are not in that target's list

The list can only grow: a case in it that fails is reported, and stays. A case that crashes, or takes too long, costs
only the process that ran it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.backend.suite import TARGETS, cases, models, passing, write_passing
from tests.operators import uses_of
from tests.workers import Failure, run_jobs


@dataclass(frozen=True)
class CaseRunner:
    """Runs cases of a target; made in each process."""

    target: str

    def __call__(self) -> Callable[[str], None]:
        return lambda name: cases(self.target)[name]()


def run_cases(names: Sequence[str], count: int, limit: float, target: str) -> Iterator[tuple[str, str]]:
    """Run cases in processes; each name with an empty text, or what went wrong, as they end."""
    for name, result in run_jobs(names, CaseRunner(target), count, limit):
        yield name, result.message if isinstance(result, Failure) else ""


def representative_cases(names: Sequence[str]) -> list[str]:
    """The first case of each operator and element type."""
    found = models()
    seen: set[tuple[str, str, str]] = set()
    chosen = []
    for name in names:
        uses = {(u.domain, u.operator, u.dtype) for u in uses_of(found[name])} if name in found else set()
        if not uses <= seen:
            chosen.append(name)
            seen |= uses
    return chosen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="run the cases whose names have one of these in them")
    parser.add_argument("--all", action="store_true", help="run cases that are in the list, too")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes")
    parser.add_argument("--limit", type=float, default=120, help="seconds for a case")
    parser.add_argument("--failures", metavar="FILE", help="write the failing cases and their reasons to a file")
    parser.add_argument(
        "--representative", action="store_true", help="only one case for each operator and element type"
    )
    parser.add_argument("--target", choices=TARGETS, default="host", help="run them on that, in QEMU")
    options = parser.parse_args()

    listed = set(passing(options.target))
    known = set(cases(options.target))
    everything = sorted(known)
    if options.target != "host" and not options.words:  # what does not pass here will not elsewhere
        everything = [name for name in everything if name in set(passing())]
    if options.representative:
        everything = representative_cases(everything)
    chosen = [n for n in everything if any(w in n for w in options.words)] if options.words else everything
    chosen = [name for name in chosen if options.all or options.words or name not in listed]
    results: dict[str, str] = {}
    for name, message in run_cases(chosen, options.jobs, options.limit, options.target):
        results[name] = message
        if len(results) % 20 == 0:  # a run that is stopped shall not have been for nothing
            write_passing(listed | {name for name, message in results.items() if not message}, options.target)
        if sys.stderr.isatty():
            print(f"\r{len(results)}/{len(chosen)} ", end="", file=sys.stderr, flush=True)

    failures = {name: message for name, message in sorted(results.items()) if message}
    passed = set(results) - set(failures)
    write_passing(listed | passed, options.target)
    if options.failures:
        with open(options.failures, "w") as file:
            file.writelines(f"{name}\t{message}\n" for name, message in failures.items())
    for message, names in _grouped(failures):
        print(f"{len(names):5} {message[:150]}   ({', '.join(names[:3])})")
    broken = sorted(listed & set(failures))
    for name in broken:
        print(f"in the list, but fails: {name}: {failures[name]}")
    vanished = sorted(listed - known)
    for name in vanished:
        print(f"in the list, but not in this version of onnx: {name}")
    print(
        f"{len(passed)} of {len(chosen)} cases pass; {len(passed - listed)} are new; {len(listed | passed)} in the list"
    )
    return 1 if broken or vanished else 0


def _grouped(failures: dict[str, str]) -> list[tuple[str, list[str]]]:
    """Messages without what differs from case to case, with their cases, the most frequent first."""
    groups: dict[str, list[str]] = {}
    for name, message in failures.items():
        case = name.split("/")[-1]
        groups.setdefault(message.replace(case, "..."), []).append(name)
    return sorted(groups.items(), key=lambda item: -len(item[1]))


if __name__ == "__main__":
    sys.exit(main())
