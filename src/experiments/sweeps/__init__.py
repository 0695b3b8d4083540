"""Sweeps: composing jobs, stacking runs that can train side by side, running all of them."""
