"""The commands; no other package prints or imports Hydra."""
