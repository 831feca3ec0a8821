"""Converts between the ProviderOutletID of an outlet, which is free text, and its address in the API. Does no I/O.

A caller percent-encodes the ID. An encoded slash belongs to the ID; only a plain slash separates the parts of the
address. For example, `outlets/A%2Fcheck` is the outlet `A/check`, but `outlets/A/check` is the check of the outlet `A`.
An ID with plain slashes is also accepted, unless it ends in the name of a call, such as `/check`.
"""

import re
from urllib.parse import quote, unquote

from integrations.wire.endpoints import API_PATH

# Replaces an encoded slash while the address is matched. It is a lone surrogate, which decoded text never contains.
_SLASH_OF_ID = "\udc2f"
_encoded_slash = re.compile("%2f", re.IGNORECASE)


def path_of(decoded: str, raw_path: bytes) -> str:
    """Return a request's decoded path without the API's prefix.

    An encoded slash becomes a placeholder, which `outlet_id` turns into a slash.
    """
    raw = str(raw_path, "latin-1")
    marked = _SLASH_OF_ID.join(map(unquote, _encoded_slash.split(raw)))
    return (marked if marked.startswith(API_PATH) else decoded)[len(API_PATH) :]


def outlet_id(matched: str) -> str:
    """Return the ProviderOutletID. `matched` is the outlet's part of a path that `path_of` returned."""
    return matched.replace(_SLASH_OF_ID, "/")


def address_of_outlet(provider_outlet_id: str, *parts: str) -> str:
    """Return the address of an outlet. With `parts`, return an address below it, such as a hand-over link's."""
    return "/".join((f"{API_PATH}outlets", quote(provider_outlet_id, safe=""), *parts))
