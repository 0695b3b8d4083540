"""Training: from data, a network and optimizers to outcomes."""
