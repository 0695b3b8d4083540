"""The code that uses Hydra's interfaces."""
