"""The types of ASGI as this door uses them: its messages are dictionaries."""

from integrations.wire.asgi import App, Receive, Scope, Send

__all__ = ["App", "Receive", "Scope", "Send"]
