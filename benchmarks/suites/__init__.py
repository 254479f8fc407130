"""What is measured: one module a suite, with a function `run`."""
