"""The ordered list of passes, and how they are run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .. import op as relay_op
from ..diagnostics import CompileError
from ..relay.expr import Attrs, Module
from ..relay.printer import print_module
from ..relay.types import Type
from ..relay.verifier import verify
from .attention import attention
from .base import Pass, PassContext
from .block_layout import block_layout
from .blockwise_weights import blockwise_weights
from .common_subexpressions import common_subexpressions
from .dead_code import dead_code
from .fold_batch_norm import fold_batch_norm
from .fold_constants import fold_all_constants, fold_constants
from .fuse import fuse
from .fuse_patterns import fuse_patterns
from .halo import halo
from .inline_constant_if import inline_constant_if
from .inplace import inplace
from .integer_kernels import integer_kernels
from .lookup_tables import lookup_tables
from .move_views import move_views
from .pack_interface import pack_interface
from .pack_weights import pack_weights
from .planes import planes
from .quantized_scales import quantized_scales
from .regroup import regroup
from .simplify import simplify
from .upsampling import upsampling
from .winograd import winograd

#: In the order in which they run. Each runs from its level on.
PIPELINE: tuple[Pass, ...] = (
    inline_constant_if,
    blockwise_weights,
    integer_kernels,
    lookup_tables,
    quantized_scales,
    fold_constants,
    simplify,
    common_subexpressions,
    fuse_patterns,
    attention,
    fold_batch_norm,
    fold_all_constants,
    simplify,
    common_subexpressions,
    upsampling,
    planes,
    regroup,
    block_layout,
    winograd,
    pack_weights,
    move_views,
    dead_code,
    pack_interface,
    fuse,
    halo,
    inplace,
)


def run_pipeline(
    module: Module,
    context: PassContext,
    print_after: Sequence[str] = (),
    emit: Callable[[str], None] = print,
    passes: Sequence[Pass] = PIPELINE,
) -> Module:
    """Run the passes of a level over a module and verify it before the first and after each.

    Parameters
    ----------
    module : Module
    context : PassContext
    print_after : sequence of str
        Names of passes after which the module is printed; ``all`` for every one.
    emit : callable
        Takes what is printed.
    passes : sequence of Pass

    Raises
    ------
    CompileError
        `print_after` names no pass.
    VerificationError
        A pass has made a broken module.
    """
    find_passes([name for name in print_after if name != "all"], passes)
    verify(module, infer_call_type, "import")
    for step in passes:
        if step.level > context.level:
            continue
        module = step.run(module, context)
        verify(module, infer_call_type, step.name)
        if step.name in print_after or "all" in print_after:
            emit(f"# after {step.name}\n{print_module(module)}")
    return module


def find_passes(names: Sequence[str], passes: Sequence[Pass] = PIPELINE) -> list[Pass]:
    """The passes of these names, in the order of the names; CompileError where there is none."""
    known = {p.name: p for p in passes}
    for name in names:
        if name not in known:
            raise CompileError(f"there is no pass '{name}'", expected=f"one of: {', '.join(known)}")
    return [known[name] for name in names]


def infer_call_type(op: str, attrs: Attrs, args: Sequence[Type]) -> Type:
    """Type of an operator's call whose attributes are complete."""
    found = relay_op.get(op)
    if attrs.keys() != found.attributes.keys():
        raise CompileError(f"{op} has the attributes {sorted(attrs)}", expected=f"{sorted(found.attributes)}")
    return found.relation(attrs, args)
