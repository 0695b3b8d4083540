"""Sweeps: checking a batch of jobs, reusing finished runs, and training the others in stacks."""
