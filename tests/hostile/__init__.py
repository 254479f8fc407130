"""A corpus of hostile files whose only effect is one marker file; see `families`."""
