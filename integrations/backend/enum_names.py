"""The names of the enums in the OpenAPI document, for SPECTACULAR_SETTINGS.

drf-spectacular derives a name from the field, which is ambiguous if two fields of the same name have different enums.
"""

ENUM_NAMES = {
    "AttemptOutcomeEnum": "integrations.models.attempt.Outcome.values",
    "LinkStateEnum": "integrations.backend.handover.serializers.STATES",
    "OutcomeEnum": "integrations.backend.requests.serializers.OUTCOMES",
    "StepNameEnum": "integrations.backend.integration.serializers.STEPS",
    "StepStateEnum": "integrations.backend.integration.serializers.STATES",
    "ScopeEnum": "integrations.models.api_key.Scope.values",
    "StateEnum": "integrations.models.request.RequestState.values",
    "DeliveryStateEnum": "integrations.models.notices.webhook.DeliveryState.values",
    "EventTypeEnum": "integrations.models.notices.notice.NoticeKind.values",
    "SubscribableEventEnum": "integrations.services.notices.webhooks.SUBSCRIBABLE",
}
