"""What a model that is compiled for profiling has beside the others: a table of its steps, and C that times them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..relay.dimension import Dimension
from .names import c_dimension, c_string
from .program import CopyStep, KernelStep

#: Stands before the model's run function. A step begins where the last one ended: one look at the clock a step.
_MACRO = """\
/* STEP(k, multiply-adds, bytes, call) runs step k, and adds what it took to the profile, if there is one. */
#define STEP(k, multiply_adds, bytes, call) \\
  do { RUN(call); if (profile != NULL) since = add_step(profile, k, since, multiply_adds, bytes); } while (0)

static uint64_t add_step(const onnxc_profile *profile, int32_t k, uint64_t since, int64_t multiply_adds,
                         int64_t bytes) {
  onnxc_step_counts *const step = &profile->steps[k];
  const uint64_t now = profile->now();
  step->calls += 1;
  step->nanoseconds += now - since;
  step->multiply_adds += (uint64_t)multiply_adds;
  step->moved_bytes += (uint64_t)bytes;
  return now;
}
"""

#: Begins the run function.
_START = (
    "  const onnxc_profile *const profile = context->profile;",
    "  uint64_t since = profile == NULL ? 0 : profile->now();",
)


@dataclass
class StepTable:
    """The timed steps of a program, in the order in which they are written.

    Parameters
    ----------
    symbols : mapping
        C variables of the program's symbols.
    """

    symbols: Mapping[str, str]
    rows: list[tuple[str, str, str, str]] = field(default_factory=list)

    def kernel(self, step: KernelStep, call: str) -> str:
        """C that runs and times a kernel."""
        kernel = step.kernel
        results = kernel.outputs
        types = f"{', '.join(map(str, kernel.inputs))} -> {', '.join(map(str, results))}"
        self.rows.append((kernel.symbol, step.comment, ", ".join(kernel.operators), types))
        return self._step(kernel.in_model(kernel.multiply_adds), kernel.moved_bytes, call)

    def copy(self, step: CopyStep, call: str) -> str:
        """C that makes and times a copy."""
        self.rows.append(("memcpy", step.comment, "", ""))
        return self._step(0, step.source.size + step.source.size, f"({call}, ONNXC_OK)")

    def _step(self, multiply_adds: Dimension, moved: Dimension, call: str) -> str:
        counts = ", ".join(c_dimension(count, self.symbols) for count in (multiply_adds, moved))
        return f"STEP({len(self.rows) - 1}, {counts}, {call});"

    def macro(self) -> str:
        """What stands before the run function."""
        return _MACRO

    def start(self) -> tuple[str, ...]:
        """What the run function begins with."""
        return _START

    def infos(self) -> list[str]:
        """The table in C."""
        texts = [", ".join(map(c_string, row)) for row in self.rows]
        return ["static const onnxc_step_info steps_info[] = {", *(f"  {{{text}}}," for text in texts), "};"]

    def fields(self) -> dict[str, str]:
        """Members of the model's descriptor."""
        return {"num_steps": str(len(self.rows)), "steps": "steps_info"} if self.rows else {}
