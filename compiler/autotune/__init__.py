"""The tuner: measures what kernels' knobs are best set to, and keeps what it measured."""
