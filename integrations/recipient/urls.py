from django.urls import path

from integrations.recipient.views import hand_over

urlpatterns = [path("", hand_over, name="handover")]
