"""Benchmarks: one program a claim, each with its peers in the same run."""
