"""The demonstration: a training project, and the story of its models.

Owns what `gms demo` does; how it looks on a terminal is `gitmodelstore.cli.start`'s business.
"""
