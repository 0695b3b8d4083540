"""Training: data × network × optimizers → outcomes."""
