"""Rows, their constraints, and questions about themselves. No sockets, no HTTP."""

from integrations.models.api_key import ApiKey, ApiKeySecret
from integrations.models.attempt import AuthAttempt, StrayFrame
from integrations.models.audit import AuditEvent
from integrations.models.bulk_job import BulkJob
from integrations.models.connection import Connection, Presence, ServerProcess
from integrations.models.credential import Credential
from integrations.models.handover_link import HandoverLink
from integrations.models.integration import Integration
from integrations.models.lease import Lease
from integrations.models.message_type import MessageType
from integrations.models.outlet import Organisation, Outlet
from integrations.models.request import Request
from integrations.models.staff_limit import StaffLimit

__all__ = [
    "ApiKey",
    "ApiKeySecret",
    "AuditEvent",
    "AuthAttempt",
    "BulkJob",
    "Connection",
    "Credential",
    "HandoverLink",
    "Integration",
    "Lease",
    "MessageType",
    "Organisation",
    "Outlet",
    "Presence",
    "Request",
    "ServerProcess",
    "StaffLimit",
    "StrayFrame",
]
