"""Workers: one a system that is compared, each run in an environment of its own."""
