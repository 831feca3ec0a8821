"""Creates refusals outside a view, in the format that the views of the same path use."""

from integrations.backend.base import problems
from integrations.backend.base.problems import Problem, ProblemKind
from integrations.pos import errors
from integrations.pos.paths import is_auth, is_near_auth
from integrations.wire.endpoints import API_ROOT
from integrations.wire.plain_http import PlainResponse


def for_machine(path: str, method: str, kind: ProblemKind, detail: str) -> PlainResponse | None:
    """Return the refusal in the format of the POS's endpoint or the API, or None for any other path.

    `detail` says what the caller can do.
    """
    if is_auth(path) or is_near_auth(path, method):
        return errors.refusal(f"{kind.title} {detail}", kind.status)
    if f"/{path.strip('/').lower()}/".startswith(API_ROOT):
        return problems.answer(Problem(kind, detail))
    return None
