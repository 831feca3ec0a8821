"""Reads the check of an outlet that the caller may see. Runs in a database thread."""

from integrations.backend.base.api_key_authentication import Caller
from integrations.backend.outlets.rows import get_integration
from integrations.models.api_key import Scope, parsed_scopes
from integrations.models.clock import shared_now
from integrations.services.integration.outlet_check import OutletCheck, read_check


def get_check(caller: Caller, provider_outlet_id: str) -> OutletCheck:
    """Return the check of an outlet. It contains texts from the POS only if the key may read requests.

    Raises Problem or NotEnabled.
    """
    integration = get_integration(caller, provider_outlet_id)
    with_content = Scope.REQUESTS_READ in parsed_scopes(caller.scopes)
    return read_check(integration, shared_now(), caller.organisations, with_content=with_content)
