"""Headers of every answer: browsers guess no content type, and use https from then on where PUBLIC_URL does.

Pages get them from Django's middleware as well; what is answered before or beside it gets them from here.
"""

from django.conf import settings

Headers = list[tuple[bytes, bytes]]


def _headers() -> Headers:
    found = [(b"x-content-type-options", b"nosniff")]
    if settings.IS_PUBLIC_HTTPS and settings.SECURE_HSTS_SECONDS:
        value = f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains; preload"  # as Django's middleware has it
        found.append((b"strict-transport-security", value.encode("ascii")))
    return found


SECURITY_HEADERS = _headers()  # settings do not change while a process runs


class DefaultHeaders(Headers):
    """The headers that uvicorn puts before an answer's own: `others`, and those above unless the answer has them."""

    def __init__(self, others: Headers) -> None:
        super().__init__([*others, *SECURITY_HEADERS])
        self._others = others

    def __add__(self, own: Headers) -> Headers:  # type: ignore[override]
        if own and own[0] is SECURITY_HEADERS[0]:  # as wire.asgi sends them: the usual case, and quickly seen
            return [*self._others, *own]
        names = {name.lower() for name, _ in own}  # Django sends them in mixed case
        return [*(each for each in self if each[0] not in names), *own]
