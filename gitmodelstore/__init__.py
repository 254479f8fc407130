"""A Git-native model store for scikit-learn pipelines.

Importing this package imports nothing but the standard library; what a call
needs is imported when the call is made.
"""

__version__ = "0.1.0"
