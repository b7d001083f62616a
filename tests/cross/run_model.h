/* Runs any model on tensors from a file and writes its outputs to another: with an operating system (run_hosted.c) and
 * without (run_firmware.c).
 *
 * A file is a sequence of 64-bit little-endian words: the number of values, then each. A value begins with its form:
 * - ONNXC_TENSOR: its DLPack type code, its bits, its rank, its dimensions, its size in bytes, and its data, padded to
 *   whole words. The data of strings are their sizes, in words, and then their bytes.
 * - ONNXC_SEQUENCE: how many values are in it, and these.
 * - ONNXC_NONE: an optional value that holds nothing.
 */
#ifndef RUN_MODEL_H
#define RUN_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "onnxc_runtime.h"

/* The model: <name>_query, or, of a shared library, onnxc_query. */
#ifndef MODEL_QUERY
#define MODEL_QUERY onnxc_query
#endif
const onnxc_model *MODEL_QUERY(uint32_t abi_version);

/* Run a model once; returns the status of the first step that fails. Weights: for models that want them. */
onnxc_status run_model(const onnxc_model *model, const char *inputs_path, const char *outputs_path, const void *weights,
                       size_t weights_size, const onnxc_parallel *parallel);

/* What the surroundings must offer. They end the program where they fail. */

/* Memory that is never freed, aligned to ONNXC_ALIGNMENT. */
void *allocate(size_t size);
void *read_file(const char *path, size_t *size);
void write_file(const char *path, const void *data, size_t size);
_Noreturn void fail(const char *text);

#endif
