"""Bytes turned into meaning: values that cannot exist in a bad state.

Nothing here touches files, the clock, the environment or git, and nothing here
needs a package beyond the standard library, so a hook can run it from a bare clone.
"""
