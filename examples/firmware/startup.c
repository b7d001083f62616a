/* From reset to main: the vector table, the FPU, and the memory that C expects. */
#include <stdint.h>

#include "semihosting.h"

int main(void);
void reset_handler(void);

/* From the linker script. */
extern uint32_t stack_top;
extern const uint32_t data_initial[];
extern uint32_t data_begin[], data_end[], bss_begin[], bss_end[];

#define COPROCESSOR_ACCESS (*(volatile uint32_t *)0xE000ED88u)
enum { FULL_ACCESS_TO_FPU = 0xF << 20 }; /* coprocessors 10 and 11; Helium goes with them */

/* Apart from reset_handler, so that nothing here can use the FPU before it is on. */
__attribute__((noinline, noreturn)) static void start(void) {
  const uint32_t *source = data_initial;
  for (uint32_t *word = data_begin; word < data_end; ++word) *word = *source++;
  for (uint32_t *word = bss_begin; word < bss_end; ++word) *word = 0;
  semihosting_exit(main());
}

void reset_handler(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  COPROCESSOR_ACCESS |= FULL_ACCESS_TO_FPU;
  __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
  /* A Cortex-M7 or M55 on a real board also wants its caches on: SCB_EnableICache() and SCB_EnableDCache() of CMSIS. */
  start();
}

static void fault_handler(void) {
  semihosting_write("fault\n");
  semihosting_exit(125);
}

/* The first word is the stack's end; then the exceptions of the core, from reset on. No interrupt is enabled. */
__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))&stack_top,
    reset_handler,
    fault_handler, /* non-maskable interrupt */
    fault_handler, /* hard fault */
    fault_handler, /* memory management */
    fault_handler, /* bus */
    fault_handler, /* usage */
    fault_handler, /* security */
};
