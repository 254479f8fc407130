"""The one validator behind library, hooks and server; standard library only.

Each check takes what is to be judged as values and returns every fault that it
finds, in words, so that all of them can be shown at once.
"""
