"""Publish records to MLflow while runs train."""
