from django.urls import path

from integrations.staff.live import looks
from integrations.staff.live.consumer import LiveConsumer

sockets = [
    path("ws/staff/start", LiveConsumer.as_asgi(looks=looks.start)),
    path("ws/staff/check/<int:pk>", LiveConsumer.as_asgi(looks=looks.check)),
    path("ws/staff/asked/<int:pk>", LiveConsumer.as_asgi(looks=looks.asked)),
]
