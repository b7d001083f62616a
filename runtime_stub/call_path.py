"""The way of a call from Python to C and back, written for each model.

A model of microseconds spends most of its time here, so that nothing is looked up, counted or decided in a call that is
known when the model is loaded: the function's text has a line for each input and output, as that of a named tuple has.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import repeat
from types import CodeType
from typing import Any

import numpy as np

from . import abi
from .abi import ffi
from .arguments import NOTHING, Arguments
from .context import VARYING, Context
from .element_types import STRING, packed_bits
from .errors import RunError
from .library import Library, TensorInfo
from .values import read_value

#: Runs a model on inputs in its order, and on arrays for outputs by name, if there are any.
Execute = Callable[..., dict[str, Any]]
#: Takes the inputs out of a mapping; None where it has others.
Pick = Callable[[Mapping[str, Any]], "Sequence[Any] | None"]


def _data_offset() -> int | None:
    """Where in an array's object the pointer to its elements lies; None where that cannot be said.

    numpy's C interface has it behind the head that all objects have (PyArrayObject_fields), for ever, since extensions
    read it there themselves. To ask cffi for an array's address takes 200 ns for each input and output.
    """
    if sys.implementation.name != "cpython":  # elsewhere an object's id is not its address
        return None
    offset = object.__basicsize__
    for array in (np.empty(3), np.empty((2, 4), np.uint8)[1:]):
        found = ffi.cast("uintptr_t *", id(array) + offset)[0]
        if found != int(ffi.cast("uintptr_t", ffi.from_buffer(array))):
            return None
    return offset


DATA_OFFSET = _data_offset()

_MAX_KEYS_IN_TEXT = 100


def make_call_path(
    library: Library, arguments: Arguments, data_offset: int | None = DATA_OFFSET
) -> tuple[Execute, Pick]:
    """Write the functions of a model, which hold the library.

    Parameters
    ----------
    library : Library
        Whose model it is.
    arguments : Arguments
        What knows which arrays fit.
    data_offset : int, optional
        Where in an array's object the pointer to its elements lies; None: cffi is asked for each address.
    """
    inputs, outputs = library.inputs, library.outputs
    names: dict[str, Any] = {
        "ndarray": np.ndarray,
        "empty": np.empty,
        "NOTHING": NOTHING,
        "prepare": arguments.prepare,
        "find_plan": arguments.plans.get,
        "make_plan": arguments.make_plan,
        "given_outputs": arguments.given_outputs,
        "pack": arguments.pack,
        "room": arguments.room,
        "unpack": arguments.unpack,
        "read_value": read_value,
        "as_maps": _as_maps,
        "from_buffer": ffi.from_buffer,
        "contexts": library.contexts,
        "new_context": partial(Context, library, data_offset or 0),
        "write": struct.Struct(f"{1 + len(inputs) + len(outputs)}N").pack_into,
        "run": library.run_call,
        "fail": _failure(library),
    }
    for kind, tensors in (("in", inputs), ("out", outputs)):
        for index, tensor in enumerate(tensors):
            names[f"{kind}{index}"] = tensor
            names[f"{kind}{index}_type"] = tensor.dtype
            names[f"{kind}{index}_name"] = tensor.name
    exec(_compiled("\n".join(_text(inputs, outputs, data_offset is not None))), names)
    # Taken out, so that the names which a function holds do not hold it: the library would stay until Python looks for
    # such circles.
    return names.pop("execute"), names.pop("pick")


@lru_cache(maxsize=64)
def _compiled(text: str) -> CodeType:
    return compile(text, "<call path of an onnxc model>", "exec")


def _text(inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo], objects: bool) -> Iterator[str]:
    """Lines of the functions, for inputs and outputs of such types; names stand elsewhere."""
    numbers_in, numbers_out = range(len(inputs)), range(len(outputs))
    arrays = "".join(f"x{i}, " for i in numbers_in)
    results = "".join(f"y{i}, " for i in numbers_out)
    # What the run reads and writes: the arrays, or what is packed in others.
    read = [f"packed_x{i}" if _is_packed(inputs[i]) else f"x{i}" for i in numbers_in]
    written = [f"packed_y{i}" if _is_packed(outputs[i]) else f"y{i}" for i in numbers_out]

    yield "def pick(feeds):"
    yield f"    if len(feeds) == {len(inputs)}:"
    yield "        try:"
    yield f"            return ({''.join(f'feeds[in{i}_name], ' for i in numbers_in)})"
    yield "        except KeyError:"
    yield "            pass"

    yield "def execute(arrays, given=None):"
    if inputs:
        yield f"    {arrays} = arrays"
    for i in numbers_in:
        if inputs[i].form != abi.TENSOR:
            yield f"    x{i} = prepare(x{i}, in{i})"
            continue
        # carray: dense in row-major order, aligned, and writable, which is not needed but costs no more to ask.
        yield f"    if type(x{i}) is not ndarray or x{i}.dtype != in{i}_type or not x{i}.flags.carray:"
        yield f"        x{i} = prepare(x{i}, in{i})"
    yield f"    shapes = ({''.join(f'x{i}.shape, ' for i in numbers_in)})"
    yield "    plan = find_plan(shapes) or make_plan(shapes)"
    # The last is what holds the values of the symbols; here, since other threads may forget the plan.
    yield f"    symbols, arena_size, {''.join(f'shape{i}, ' for i in numbers_out)}held = plan"
    yield "    if given is None:"
    for i in numbers_out:
        yield f"        y{i} = " + (f"empty(shape{i}, out{i}_type)" if outputs[i].form == abi.TENSOR else "NOTHING")
    yield "    else:" if outputs else "        pass"
    if outputs:
        yield f"        {results} = given_outputs(plan, ({arrays}), given)"
    for i in numbers_in:
        if _is_packed(inputs[i]):
            yield f"    packed_x{i} = pack(in{i}, x{i})"
    for i in numbers_out:
        if _is_packed(outputs[i]):
            yield f"    packed_y{i} = room(out{i}, y{i})"
    yield "    try:"
    yield "        context = contexts.pop()"
    yield "    except IndexError:"
    yield "        context = new_context()"
    yield "    try:"
    yield "        if arena_size > context.arena_size:"
    yield "            context.grow(arena_size)"
    places = []
    for i, name in enumerate([*read, *written]):
        own = i >= len(inputs) and outputs[i - len(inputs)].form != abi.TENSOR
        if not own and not objects:
            yield f"        context.pointers[{i}] = from_buffer({name})"
        places.append(f"id({name})" if objects and not own else f"context.places[{i}]")
    yield f"        write(context.block, {VARYING}, symbols, {', '.join(places)})"
    yield "        status = run(context.call)"
    after = []
    for i in numbers_out:
        if outputs[i].form != abi.TENSOR:
            after.append(f"            y{i} = read_value(context.values[{i}], out{i})")
        elif _is_packed(outputs[i]):
            after.append(f"            unpack(out{i}, packed_y{i}, y{i})")
    if after:
        yield f"        if status == {abi.OK}:"
        yield from after
    yield "    finally:"
    yield "        contexts.append(context)"
    yield f"    if status != {abi.OK}:"
    yield "        fail(status)"
    for i in numbers_out:
        if outputs[i].keys:
            yield f"    if given is None or out{i}_name not in given:"
            yield f"        y{i} = {_maps_text(i, outputs[i].keys)}"
    yield f"    return {{{', '.join(f'out{i}_name: y{i}' for i in numbers_out)}}}"


def _is_packed(tensor: TensorInfo) -> bool:
    """Are arrays of it no arrays in C?"""
    return tensor.form == abi.TENSOR and (packed_bits(tensor.element_type) > 0 or tensor.element_type == STRING)


def _maps_text(i: int, keys: tuple[int | str, ...]) -> str:
    """A dict of each row of an output. With two keys in the text that takes half the time of `_as_maps`."""
    if len(keys) > _MAX_KEYS_IN_TEXT:
        return f"as_maps(out{i}.keys, y{i})"
    elements = [f"e{place}" for place in range(len(keys))]
    items = ", ".join(f"{key!r}: {element}" for key, element in zip(keys, elements, strict=True))
    return f"[{{{items}}} for {', '.join(elements)}, in y{i}.tolist()]"


def _as_maps(keys: tuple[int | str, ...], rows: np.ndarray) -> list[dict[int | str, Any]]:
    """A dict of each row."""
    return list(map(dict, map(zip, repeat(keys), rows.tolist())))


def _failure(library: Library) -> Callable[[int], None]:
    def fail(status: int) -> None:
        raise RunError(f"model '{library.name}': {library.status_text(status)} (status {status})")

    return fail
