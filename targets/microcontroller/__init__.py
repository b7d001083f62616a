"""ARM Cortex-M microcontrollers, without an operating system."""
