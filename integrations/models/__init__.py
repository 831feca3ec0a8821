"""Rows, their constraints, and questions about themselves. No sockets, no HTTP."""

from integrations.models.attempt import AuthAttempt, StrayFrame
from integrations.models.audit import AuditEvent
from integrations.models.connection import Connection, Presence, ServerProcess
from integrations.models.credential import Credential
from integrations.models.integration import Integration
from integrations.models.outlet import Organisation, Outlet

__all__ = [
    "AuditEvent",
    "AuthAttempt",
    "Connection",
    "Credential",
    "Integration",
    "Organisation",
    "Outlet",
    "Presence",
    "ServerProcess",
    "StrayFrame",
]
