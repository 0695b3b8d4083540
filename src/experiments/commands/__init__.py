"""The commands; only this package prints, and only this one imports Hydra."""
