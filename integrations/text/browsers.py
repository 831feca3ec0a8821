"""Names a browser by its User-Agent header, to help people recognise their sessions. The name is only for display."""

from integrations.text.characters import printable

LONGEST = 80  # characters; a header without a known browser is cut to this length
# The order matters: Edge and Opera also name Chrome, Chrome also names Safari, and Android also names Linux.
BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",  # codespell:ignore cros
    "Linux": "Linux",
}


def browser_in(user_agent: str) -> str:
    """Return for example "Firefox on Windows", or the beginning of the header if it names no known browser."""
    browser = _first(BROWSERS, user_agent)
    system = _first(SYSTEMS, user_agent)
    if not browser:
        return printable(user_agent, LONGEST) or "Unknown browser"
    return f"{browser} on {system}" if system else browser


def _first(names: dict[str, str], user_agent: str) -> str:
    return next((name for mark, name in names.items() if mark in user_agent), "")
