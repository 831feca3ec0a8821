"""Database models with their constraints and queries. Uses neither sockets nor HTTP.

This package may import `security`, `wire` and `text`.
"""

from integrations.models.api_key import AnsweredCall, ApiKey, ApiKeySecret
from integrations.models.attempt import AuthAttempt, UnrecognisedFrame
from integrations.models.audit import AuditEvent
from integrations.models.connection import Connection, Presence, ServerProcess
from integrations.models.fields import letter_case  # noqa: F401  (registers the lookups)
from integrations.models.handover_link import HandoverLink
from integrations.models.integration import Credential, Integration
from integrations.models.notices.alert import Alert, AlertMember, AlertRecipient, Mail
from integrations.models.notices.notice import Notice, NoticeCursor, ReportedPresence
from integrations.models.notices.webhook import Delivery, WebhookEndpoint
from integrations.models.outlet import Organisation, Outlet
from integrations.models.request import MessageType, Request
from integrations.models.shared import FleetSample, Lease, SharedEntry
from integrations.models.staff_limit import StaffLimit

__all__ = [
    "Alert",
    "AlertMember",
    "AlertRecipient",
    "AnsweredCall",
    "ApiKey",
    "ApiKeySecret",
    "AuditEvent",
    "AuthAttempt",
    "Connection",
    "Credential",
    "Delivery",
    "FleetSample",
    "HandoverLink",
    "Integration",
    "Lease",
    "Mail",
    "MessageType",
    "Notice",
    "NoticeCursor",
    "Organisation",
    "Outlet",
    "Presence",
    "ReportedPresence",
    "Request",
    "ServerProcess",
    "SharedEntry",
    "StaffLimit",
    "UnrecognisedFrame",
    "WebhookEndpoint",
]
