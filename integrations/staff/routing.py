from django.urls import path

from integrations.staff.consumer import StartConsumer

sockets = [path("ws/staff/start", StartConsumer.as_asgi())]
