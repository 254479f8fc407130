"""Bytes turned into meaning: values that cannot exist in a bad state. Standard library alone."""
