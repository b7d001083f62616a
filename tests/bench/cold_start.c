/* Runs a model once on a picture, and prints its first result. With -DLIBRARY it opens the shared library NAME. */
#include <stdio.h>
#ifdef LIBRARY
#include <dlfcn.h>
#endif
#include "onnxc_runtime.h"

extern const onnxc_model *mobilenetv2_query(uint32_t abi_version);
static float input[3 * 224 * 224], output[1000];

int main(int argc, char **argv) {
#ifdef LIBRARY
  void *const library = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  if (library == NULL) return 1;
  const onnxc_model *(*query)(uint32_t);
  *(void **)&query = dlsym(library, "onnxc_query");
  onnxc_status (*create)(size_t, void **);
  *(void **)&create = dlsym(library, "onnxc_arena_create");
  const onnxc_model *const model = query(ONNXC_ABI_VERSION);
#else
  (void)argc, (void)argv;
  onnxc_status (*const create)(size_t, void **) = onnxc_arena_create;
  const onnxc_model *const model = mobilenetv2_query(ONNXC_ABI_VERSION);
#endif
  onnxc_context context = {0};
  if (model == NULL || create(model->arena_size(NULL), &context.arena) != ONNXC_OK) return 2;
  for (int i = 0; i < 3 * 224 * 224; ++i) input[i] = (float)(i % 255) / 255;
  const void *const inputs[] = {input};
  void *const outputs[] = {output};
  if (model->run(inputs, outputs, NULL, &context) != ONNXC_OK) return 3;
  return printf("%g\n", output[0]) < 0;
}
