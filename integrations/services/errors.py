"""The base of all refusals, and those that several capabilities share; the others are in errors.py of each capability.

Each entry point turns them into its own form of error.
"""


class PortalError(Exception):
    """A refusal whose text may be shown to whoever asked."""

    message = "The portal refused this."

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.message)


class InvalidValue(PortalError):
    """A value has the wrong form; `field` names it as our models do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class OverlapRunning(PortalError):
    message = "The secret before this one still works: end its overlap first, then rotate."


class NoOverlap(PortalError):
    message = "No older secret is in its overlap."


class StalePage(PortalError):
    message = "The secret was rotated after this page was opened: open it anew."


class PosNotConnected(PortalError):
    message = "The outlet's POS is not connected: nothing was sent."
