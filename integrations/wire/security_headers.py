"""Security headers for every answer: no content-type guessing, and HSTS if PUBLIC_URL uses https.

Pages get them from Django's middleware; this module is for answers that bypass it.
"""

from django.conf import settings

Headers = list[tuple[bytes, bytes]]


def _headers() -> Headers:
    found = [(b"x-content-type-options", b"nosniff")]
    if settings.IS_PUBLIC_HTTPS and settings.SECURE_HSTS_SECONDS:
        value = f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains; preload"  # as in Django's middleware
        found.append((b"strict-transport-security", value.encode("ascii")))
    return found


SECURITY_HEADERS = _headers()  # settings do not change while a process runs


class DefaultHeaders(Headers):
    """The default headers that uvicorn prepends: `others`, and the security headers that an answer lacks."""

    def __init__(self, others: Headers) -> None:
        super().__init__([*others, *SECURITY_HEADERS])
        self._others = others

    def __add__(self, own: Headers) -> Headers:  # type: ignore[override]
        if own and own[0] is SECURITY_HEADERS[0]:  # the usual case: plain_http has added them
            return [*self._others, *own]
        names = {name.lower() for name, _ in own}  # Django writes names in mixed case
        return [*(each for each in self if each[0] not in names), *own]
