"""A base class for tests in which a POS requests a token from the complete application."""

from tests.support.asgi_client import Answer
from tests.support.factories import make_enabled_outlet
from tests.support.in_process import InProcess


class Asking(InProcess):
    def setUp(self) -> None:
        self.harbour = make_enabled_outlet()
        handover = self.harbour.handover
        self.good = {
            "ProviderOutletID": handover.provider_outlet_id,
            "POSRemoteID": handover.pos_remote_id,
            "AuthSecret": handover.auth_secret,
        }

    def refused(self, answer: Answer, status: int) -> str:
        """Check that the answer is a refusal with this status and in the common format; return its ErrorMessage."""
        assert answer.status == status, answer
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.headers["cache-control"] == "no-store"
        content = answer.json()
        assert list(content) == ["ErrorMessage"]
        assert isinstance(content["ErrorMessage"], str)
        assert content["ErrorMessage"]
        return content["ErrorMessage"]
