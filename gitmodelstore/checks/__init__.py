"""The one validator behind library, hooks and server. It returns every fault that it finds."""
