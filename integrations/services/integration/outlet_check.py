"""The check of one outlet: which steps its till has completed, and what to do next.

Every page and the API show this check, and therefore agree. `check_evidence` reads the rows, and `check_steps` puts
them into words.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from integrations.models import Integration
from integrations.services.errors import Remedy
from integrations.services.integration import check_steps
from integrations.services.integration.advice import remedy_of_lost_secret
from integrations.services.integration.check_evidence import Evidence, OutletRows, read_evidence
from integrations.services.integration.check_steps import StepFinding


class StepState(StrEnum):
    """The state of a step: done, wrong (the first step that is not done), or later (any step after that one)."""

    DONE = "done"
    WRONG = "wrong"
    LATER = "later"

    @property
    def label(self) -> str:
        return {StepState.DONE: "Done", StepState.WRONG: "Not yet", StepState.LATER: "Later"}[self]


@dataclass(frozen=True)
class Step:
    """One line of the checklist. `StepFinding` explains `words` and the fields after it."""

    name: str
    title: str
    state: StepState
    words: str = ""
    tell: str = ""
    here: str = ""
    remedies: tuple[Remedy, ...] = ()
    attempt: int | None = None
    is_test: bool = False
    headline: str = ""


@dataclass(frozen=True)
class OutletCheck:
    """The steps in order, and one sentence that summarises them.

    `lost_secret` is the next action if the secret is lost, and `rival` a warning about refused attempts, or "".
    """

    steps: list[Step]
    sentence: str
    lost_secret: Remedy
    rival: str = ""

    @property
    def next_step(self) -> Step | None:
        """Return the first step that is not done, or None if the outlet works."""
        return next((step for step in self.steps if step.state is StepState.WRONG), None)


def read_check(
    integration: Integration,
    now: datetime,
    organisations: frozenset[int] | None,
    *,
    with_content: bool,
    rows: OutletRows | None = None,
) -> OutletCheck:
    """Return the check that a viewer of these organisations (None: all) may see.

    The check shows the ErrorMessage of the POS's answer only if `with_content` is set. See `read_evidence` for
    what to do before the call.
    """
    evidence = read_evidence(integration, now, organisations, rows=rows)
    if evidence.request and not with_content:
        evidence.request.error_message = None
    steps = steps_of(evidence)
    lost_secret = remedy_of_lost_secret(evidence.current, evidence.older)
    rival = check_steps.rival(evidence) if evidence.is_online else ""
    return OutletCheck(steps, sentence_of(steps), lost_secret, rival)


def steps_of(evidence: Evidence) -> list[Step]:
    """Return the steps in order: those done, the first one not done, then the later ones."""
    steps = []
    state = StepState.DONE
    for kind in STEP_KINDS:
        if state is not StepState.DONE:
            steps.append(Step(kind.name, kind.title, StepState.LATER))
            continue
        finding = kind.find(evidence).adapted(evidence.current, evidence.older)
        state = StepState.DONE if finding.is_done else StepState.WRONG
        details = {name: value for name, value in vars(finding).items() if name != "is_done"}
        steps.append(Step(kind.name, kind.title, state, **{**details, "headline": finding.headline or kind.headline}))
    return steps


def sentence_of(steps: list[Step]) -> str:
    """Return a sentence with the number of steps done and the reason why the next one is not."""
    done = sum(step.state is StepState.DONE for step in steps)
    if done == len(steps):
        return f"All {done} steps are done: the outlet works."
    return f"{done} of {len(steps)} steps are done. {steps[done].headline}"


@dataclass(frozen=True)
class StepKind:
    """A step: its name, its title, the sentence shown while it is the next one, and the function that judges it."""

    name: str
    title: str
    headline: str
    find: Callable[[Evidence], StepFinding]


STEP_KINDS = (
    StepKind("enabled", "Enabled", "The integration is disabled.", check_steps.enabled),
    StepKind(
        "attempted",
        "First authentication attempt seen",
        "Waiting for the till's first attempt.",
        check_steps.attempted,
    ),
    StepKind("secret", "Secret correct", "The till's secret has not been accepted.", check_steps.secret),
    StepKind("paired", "POSRemoteID correct", "The POSRemoteID does not match.", check_steps.paired),
    StepKind(
        "token",
        "Access token used",
        "Authenticated. Waiting for the till to open its websocket.",
        check_steps.token_used,
    ),
    StepKind("connected", "Connected", "The till does not stay connected.", check_steps.connected),
    StepKind("answered", "Answered a test request", "Connected. Last step: send a test request.", check_steps.answered),
)
