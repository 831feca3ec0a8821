"""Refusals that no view has made, in the format that the views of the same path use."""

from integrations.backend import problems
from integrations.backend.problems import Kind, Problem
from integrations.pos import errors
from integrations.pos.paths import is_auth, is_near_auth
from integrations.wire.plain_http import PlainResponse

API = "/api/"


def for_machine(path: str, method: str, kind: Kind, detail: str) -> PlainResponse | None:
    """Return the answer of the POS's endpoint, or of the API; None for a path of neither. `detail` says what to do."""
    if is_auth(path) or is_near_auth(path, method):
        return errors.refusal(f"{kind.title} {detail}", kind.status)
    if f"/{path.strip('/').lower()}/".startswith(API):
        return problems.answer(Problem(kind, detail))
    return None
