"""Opens pages of the portal as a staff user during the storm."""

import http.client
import re
import secrets
import sys
import threading
import time
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from storming.outlets import manage

PAGES = ("/admin/", "/admin/integrations/outlet/")
SIGN_IN = "/admin/login/"
FORM = "application/x-www-form-urlencoded"


class Staff:
    """Signs in, and requests one page after the other in a separate thread."""

    def __init__(self, port: int) -> None:
        self._cookies: dict[str, str] = {}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.seconds: list[float] = []

    def sign_in(self) -> None:
        """Create a user and sign in; exit if the portal refuses."""
        name, password = f"staff-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
        manage("shell", "-c", _MAKE.format(name=name, password=password))
        _, page = self.ask("GET", SIGN_IN)
        form = {"csrfmiddlewaretoken": hidden_value(page, "csrfmiddlewaretoken"), "username": name}
        status, _ = self.ask("POST", SIGN_IN, urlencode({**form, "password": password, "next": PAGES[0]}))
        if status != 302:
            sys.exit(f"the benchmark's user could not sign in at {SIGN_IN} (status {status})")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> list[float]:
        """Stop, and return how many seconds each page took."""
        self._is_over.set()
        self._thread.join()
        return self.seconds

    def ask(self, method: str, path: str, body: str | bytes = "", content_type: str = FORM) -> tuple[int, str]:
        """Send one request, and return the status and the body of the response."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if body:
            headers["Content-Type"] = content_type
        self._connection.request(method, path, body or None, headers)
        response = self._connection.getresponse()
        for line in response.headers.get_all("Set-Cookie") or ():
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return response.status, response.read().decode()

    def _look(self) -> None:
        while not self._is_over.is_set():
            for page in PAGES:
                began = time.perf_counter()
                status, _ = self.ask("GET", page)
                if status != 200:
                    sys.exit(f"{page} answered {status}")
                self.seconds.append(time.perf_counter() - began)
            self._is_over.wait(0.1)


def hidden_value(page: str, name: str) -> str:
    """Return the value of a hidden field of a form; exit if the page has none."""
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    return found.group(1) if found else sys.exit(f"the page has no field {name}")


_MAKE = """
from django.contrib.auth import get_user_model
get_user_model().objects.create_superuser({name!r}, password={password!r})
"""
