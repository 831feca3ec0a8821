"""Acts as a member of staff without a browser: signs in, and requests pages."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from tests.live.stack.servers import Stack

LOGIN = "/admin/login/"


@contextmanager
def staff_client(stack: Stack, login: tuple[str, str]) -> Iterator[httpx2.Client]:
    """Yield a client that is signed in and follows no redirects."""
    with httpx2.Client(trust_env=False, verify=False, timeout=30, base_url=stack.base_url) as client:
        values = {"username": login[0], "password": login[1], "csrfmiddlewaretoken": csrf_token(client.get(LOGIN).text)}
        answer = client.post(LOGIN, data=values, headers={"Origin": stack.base_url})
        assert answer.status_code == 302, answer.text
        yield client


def csrf_token(html: str) -> str:
    """Return the token of the page's first form."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', html)
    assert found, html[:500]
    return found[1]
