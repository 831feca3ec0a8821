"""The format of an outlet's check."""

from typing import Any

from rest_framework import serializers

from integrations.services.errors import Remedy
from integrations.services.integration.outlet_check import STEP_KINDS, StepState

STEPS = [each.name for each in STEP_KINDS]
STATES = [each.value for each in StepState]


class StepSerializer(serializers.Serializer[Any]):
    """One step towards an outlet that works."""

    name = serializers.ChoiceField(choices=STEPS, help_text="The identifier of the step; it never changes.")
    title = serializers.CharField()
    state = serializers.ChoiceField(
        choices=STATES, help_text="wrong: the first step that is not done; later: after it."
    )
    evidence = serializers.CharField(source="words", help_text="What the portal has seen; empty for a later step.")
    tell = serializers.CharField(help_text="What to tell the person on site; empty if there is nothing to do there.")
    here = serializers.CharField(help_text="What to do in the portal or by the API; otherwise empty.")
    remedies = serializers.ListField(
        child=serializers.ChoiceField(choices=Remedy.values),
        help_text="The actions that help.",
    )
    attempt_id = serializers.IntegerField(
        source="attempt", allow_null=True, help_text="The refused attempt that the step is about."
    )


class OutletCheckSerializer(serializers.Serializer[Any]):
    """The steps in order: those that are done, the first one that is not, and the later ones."""

    works = serializers.SerializerMethodField(help_text="Whether all steps are done.")
    sentence = serializers.CharField(help_text="How many steps are done, and why the next one is not, in one sentence.")
    steps = StepSerializer(many=True)

    def get_works(self, check: Any) -> bool:
        return check.next_step is None
