"""What a store must survive, at random: each test counts what it did and what was lost.

The numbers are those of CI; larger ones are behind the marker `long`. Each test says
its seed; with that in the environment as TESTS_SEED it does the same again, as far
as the moments at which processes meet let it.
"""
