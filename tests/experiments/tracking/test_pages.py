"""Addresses of MLflow's pages."""

import pytest

from experiments.tracking.pages import server_pages


@pytest.mark.parametrize(
    ("uri", "pages"),
    [
        ("http://host:5000", "http://host:5000"),
        ("https://host/mlflow?token=x#y", "https://host/mlflow"),
        ("https://host/p@th", "https://host/p@th"),
        ("http://ada:secret@host:5000/m", "http://host:5000/m"),
        ("http://t0k@n@host/m", "http://host/m"),
        ("http://ada:p@ss/w0rd@host/m", "http://host/m"),
        ("http://ada:p:a?s#s@host/m", "http://host/m"),
    ],
)
def test_pages_of_a_server_name_no_user(uri: str, pages: str) -> None:
    assert server_pages(uri) == pages
