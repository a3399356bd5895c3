"""Planners that size patches and batches for two paths, and for the paper's protocol, by the host's planning."""
