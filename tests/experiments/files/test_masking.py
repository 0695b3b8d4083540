import pytest

from experiments.files.masking import mask_secrets


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://ada:secret@example.org/mlflow", "https://ada:***@example.org/mlflow"),
        ("https://token@example.org", "https://***@example.org"),
        ("postgresql+psycopg2://ada:p:w@db:5432/x", "postgresql+psycopg2://ada:***@db:5432/x"),
        (
            "postgresql://db/runs?user=ada&password=secret&sslmode=require",
            "postgresql://db/runs?user=ada&password=***&sslmode=require",
        ),
        (
            "uri: mysql://db/x?sslPassword=a&ssl_key=b",
            "uri: mysql://db/x?sslPassword=***&ssl_key=b",
        ),
        (r"tracking.uri='http://db?token\=abc'", r"tracking.uri='http://db?token\=***'"),
        (
            '{"a": "http://a:b@c", "d": "http://e:f@g"}',
            '{"a": "http://a:***@c", "d": "http://e:***@g"}',
        ),
        (
            "run.py tracking.uri='http://a:b@c' seed=1",
            "run.py tracking.uri='http://a:***@c' seed=1",
        ),
    ],
)
def test_passwords_are_masked(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked
    assert mask_secrets(masked) == masked


@pytest.mark.parametrize(
    "text",
    ["http://127.0.0.1:5000", "sqlite:////tmp/a@b/mlflow.db", "ada@example.org", "http://x/a:b@c"],
)
def test_what_holds_no_password_is_left_alone(text: str) -> None:
    assert mask_secrets(text) == text
