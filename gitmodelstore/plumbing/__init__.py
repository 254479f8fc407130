"""Where git is touched: objects and refs through pygit2, the rest through the system's git.

Nothing outside this package imports pygit2 or GitPython or starts git, and their
exceptions leave it as ours.
"""
