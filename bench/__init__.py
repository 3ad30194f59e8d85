"""Benchmarks: each module measures one thing against what others offer."""
