"""Predict with trained runs, here or wherever their packed model is loaded."""
