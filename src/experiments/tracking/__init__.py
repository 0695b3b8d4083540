"""Records to MLflow: the tracker, and publishing to it beside training."""
