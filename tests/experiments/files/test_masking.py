import os
from typing import Any

import pytest

from experiments.files import masking
from experiments.files.masking import mask_secrets, masked, pieces, remember_secrets, secrets_in


@pytest.fixture(autouse=True)
def nothing_else_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_remembered", set())
    for name in [name for name in os.environ if masking._holds_secret(name)]:
        monkeypatch.delenv(name)


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
        ("uri=http://ada:p@ss/Sl4sh66@host:1/x", "uri=http://ada:***@host:1/x"),
        ("http://ada:p@ss:w?o#rd@host and more", "http://ada:***@host and more"),
        ("https://to@ken@host", "https://***@host"),
        (r"uri=http\://ada\:secret@host", r"uri=http\://ada\:***@host"),
        ("api_key: abc # mine", "api_key: *** # mine"),
        ("{'hf_token': 'a b', 'x': 1}", "{'hf_token': '***', 'x': 1}"),
        (r'{"secret": "a\"b", "x": 1}', '{"secret": "***", "x": 1}'),
        ("--db-password=abc (wrong)", "--db-password=*** (wrong)"),
        (
            "sslPassword=abc, aws_secret_access_key=d/e+f",
            "sslPassword=***, aws_secret_access_key=***",
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
    [
        "http://127.0.0.1:5000",
        "sqlite:////tmp/a@b/mlflow.db",
        "ada@example.org",
        "http://x/a:b@c",
        "password: null",
        "tokens: 3",
        "max_tokens=512",
        "token_size=4",
        "no password is known",
    ],
)
def test_what_holds_no_password_is_left_alone(text: str) -> None:
    assert mask_secrets(text) == text


@pytest.mark.parametrize(
    ("tree", "safe"),
    [
        ('uri="http://ada:it\'s mine@host"', 'uri="http://ada:***@host"'),
        ("http://ada:two words@host/db", "http://ada:***@host/db"),
        ("+token=abc def, {ghi", "+token=***"),
        ({"password": "two words", "seed": 1}, {"password": "***", "seed": 1}),
        ({"a": {"api_key": 12345678, "on": True}}, {"a": {"api_key": "***", "on": True}}),
        ({"token": None, "secret": False}, {"token": None, "secret": False}),
        ({"credentials": {"user": "ada"}}, {"credentials": "***"}),
        (["seed=1", "db_password=p"], ["seed=1", "db_password=***"]),
    ],
)
def test_values_are_masked_whole(tree: Any, safe: Any) -> None:
    assert masked(tree) == safe
    assert masked(safe) == safe


@pytest.mark.parametrize(
    ("name", "hides"),
    [
        *((name, True) for name in ("SERVICE_TOKEN", "DB_PASSWORD", "MYSQL_PWD", "MY_SECRETS")),
        *(
            (name, True)
            for name in ("AWS_SECRET_ACCESS_KEY", "KEY_OF_PROXY", "apikey", "SMTP_PASS")
        ),
        *((name, False) for name in ("PWD", "OLDPWD", "TOKEN_FILE", "SSH_KEY_PATH", "HOME")),
        *((name, False) for name in ("TOKENIZERS_PARALLELISM", "PASSENGERS", "KEYBOARD")),
    ],
)
def test_values_of_variables_are_masked(
    name: str, hides: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "h1dden/value")
    monkeypatch.setenv("SHORT_TOKEN", "adam")
    text = "of adam: 'xh1dden/valuey', h1dden%2Fvalue"
    assert mask_secrets(text) == ("of adam: 'x***y', ***" if hides else text)
    assert masked({"a": ["h1dden/value"]}) == {"a": ["***" if hides else "h1dden/value"]}


def test_a_secret_that_is_a_word_is_masked_as_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", "postgres")
    assert mask_secrets("postgresql://db and postgres") == "postgresql://db and ***"


def test_remembered_secrets_are_masked_without_their_places() -> None:
    assert mask_secrets("no login with s3cret-of-mine") == "no login with s3cret-of-mine"
    remember_secrets({"dataset": {"token": "s3cret-of-mine", "password": "adam"}})
    assert mask_secrets("no login with s3cret-of-mine by adam") == "no login with *** by adam"


def test_pieces_of_an_address_are_masked_in_a_message_about_it() -> None:
    found = secrets_in("postgresql://ada:p@ss/Sl4sh%2066@host?password=query")
    assert found == {"p@ss/Sl4sh%2066", "p@ss/Sl4sh 66", "query"}
    said = 'could not translate host name "ss" to address, database "Sl4sh%2066" unknown (class)'
    assert mask_secrets(said, pieces(found)) == (
        'could not translate host name "***" to address, database "***" unknown (class)'
    )


def test_a_text_is_searched_for_keys_only_where_one_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_PAIR", None)  # searching takes ten times as long
    text = "hydra:\n  job:\n    exclude_keys: []\n  passed: 3\n"
    assert mask_secrets(text) == text


KEYS = "password passwd passphrase pwd secret token credential credentials api_key signing-key"


@pytest.mark.parametrize("key", KEYS.split())
@pytest.mark.parametrize("end", ["=", ": ", "': ", '\\": ', "\\="])
def test_the_end_of_every_key_is_seen(key: str, end: str) -> None:
    assert mask_secrets(f"{key.upper()}{end}x") == f"{key.upper()}{end}***"
