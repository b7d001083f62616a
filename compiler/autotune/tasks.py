"""What the tuner has done elsewhere: functions for an executor's workers, whose arguments and results can be pickled.

A worker may be a thread here or one of a Dask cluster. Each function isolates what may crash or hang by itself, and
gives failures back as results: a candidate costs no more than its own time-out.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..artifact.toolchain import Compiler
from ..diagnostics import CompileError
from ..kernel.knobs import Decision, Knobs, Option
from ..relay.dimension import evaluate
from ..target import Target
from .children import IsolationError, isolated
from .measure import Times, build_program, run_program
from .measure import measure_peak as _measure_peak
from .whole_model import WholeModel, measure_models
from .workload import Workload

#: Seconds for the schedules of some candidates, and for building one. Importing TVM is among them.
DESCRIBE_TIMEOUT = 60.0
BUILD_TIMEOUT = 60.0
#: Seconds, beside those of measuring, for taking whole models over and for their slow runs.
WHOLE_MODEL_TIMEOUT = 120.0

Choices = Mapping[str, Option]


@dataclass(frozen=True)
class Proposal:
    """A candidate that nobody has looked at: some choices, the others at random, or by default without a seed."""

    choices: Choices
    seed: int | None = None


@dataclass(frozen=True)
class Candidate:
    """A way to schedule a kernel: what was decided on all of its knobs, and its features for the cost model."""

    decisions: tuple[Decision, ...]
    features: Mapping[str, float] = field(compare=False)

    @property
    def choices(self) -> dict[str, Option]:
        return {d.name: d.chosen for d in self.decisions}


@dataclass(frozen=True)
class Outcome:
    """What became of building and measuring a candidate: times, or an error.

    Attributes
    ----------
    error : str
        Empty; or where it failed and how, such as ``build timeout`` or ``run crash``.
    text : str
        What is known about the error.
    """

    times: Times | None
    error: str = ""
    text: str = ""


def describe(workload: Workload, proposals: Sequence[Proposal]) -> list[Candidate]:
    """Candidates out of proposals, without compiling them; those that no schedule rule can take are left out."""
    try:
        return isolated(_describe, workload, proposals, timeout=DESCRIBE_TIMEOUT)
    except IsolationError:
        if len(proposals) == 1:
            return []
        return [candidate for proposal in proposals for candidate in describe(workload, [proposal])]


def count_operations(workload: Workload) -> int:
    """Floating-point operations of a call."""
    try:
        return isolated(_count_operations, workload, timeout=DESCRIBE_TIMEOUT)
    except IsolationError:
        return 0


def build(workload: Workload, choices: Choices, compiler: Compiler) -> bytes | Outcome:
    """The program that measures a candidate, or how building it failed."""
    try:
        return isolated(_build, workload, choices, compiler, timeout=BUILD_TIMEOUT)
    except IsolationError as error:
        return Outcome(None, f"build {error.kind}", error.text)


def measure(program: bytes, elsewhere: int, timeout: float) -> Outcome:
    """Measure on this machine."""
    try:
        return Outcome(run_program(program, elsewhere, timeout))
    except IsolationError as error:
        return Outcome(None, f"run {error.kind}", error.text)


def measure_whole_models(whole: WholeModel, seconds: float) -> list[list[dict[str, float]]]:
    """See `whole_model.measure_models`.

    Raises
    ------
    IsolationError
        A run failed, crashed or hung.
    """
    return isolated(measure_models, whole, seconds, timeout=WHOLE_MODEL_TIMEOUT + 3 * seconds)


def measure_peak(target: Target, compiler: Compiler) -> float:
    """Floating-point operations per second of a worker's processor at best; 0 where it cannot be found out."""
    try:
        return _measure_peak(target, compiler)
    except (IsolationError, CompileError):
        return 0.0


def _describe(workload: Workload, proposals: Sequence[Proposal]) -> list[Candidate]:
    from .features import knob_features

    found = []
    for proposal in proposals:
        knobs = _knobs(proposal)
        try:
            loops = _loops(workload, knobs)
        except Exception:  # a choice that a schedule cannot carry out; the others are not to blame
            continue
        found.append(Candidate(knobs.decisions, knob_features(knobs.decisions) | loops))
    return found


def _loops(workload: Workload, knobs: Knobs) -> dict[str, float]:
    """Features of a candidate's loops; a kernel that is written in C has none that we could see."""
    from ..kernel.compile import compile_code, source_call
    from ..kernel.lower import lower
    from ..kernel.schedule import schedule
    from .features import loop_features

    if source_call(workload.function) is not None:
        compile_code(workload.function, workload.target, knobs)
        return {}
    return loop_features(schedule(lower(workload.function, knobs), workload.target, knobs), workload.dims)


def _knobs(proposal: Proposal) -> Knobs:
    if proposal.seed is None:
        return Knobs(proposal.choices)
    chance = random.Random(proposal.seed)
    return Knobs(proposal.choices, lambda name, options, default: chance.choice(options))


def _count_operations(workload: Workload) -> int:
    from ..kernel.compile import source_call
    from ..kernel.lower import lower
    from ..kernel.primitive import multiply_adds
    from .features import operation_count

    if source_call(workload.function) is not None:
        return 2 * evaluate(multiply_adds(workload.function), workload.dims)
    return operation_count(lower(workload.function).func, workload.dims)


def _build(workload: Workload, choices: Choices, compiler: Compiler) -> bytes:
    from ..kernel.compile import compile_kernel

    kernel = compile_kernel(workload.function, "onnxc_candidate", workload.target, Knobs(choices))
    return build_program(kernel, compiler, workload.dims, workload.weights)
