"""What the store does: one module a verb, a function of that name in it.

Operations orchestrate. The time, the author and a place for notices arrive as
arguments; results are values, and nothing is printed.
"""
