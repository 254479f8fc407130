"""The checks, handed values: no repository is needed for them."""
