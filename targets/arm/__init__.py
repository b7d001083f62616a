"""ARM application processors under Linux: 64-bit (aarch64) and 32-bit (armv7-a)."""
