"""Checks of the auth endpoint's answers."""

import httpx2


def assert_refused(answer: httpx2.Response, status: int) -> str:
    """Return the ErrorMessage of a refusal. Fails unless the answer has this status, is JSON and forbids caching."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert list(body) == ["ErrorMessage"]
    assert body["ErrorMessage"]
    return str(body["ErrorMessage"])


def assert_token(answer: httpx2.Response) -> None:
    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == ["AccessToken"]
