"""The format that all lists share."""

from typing import Any

from rest_framework import serializers


class PageSerializer(serializers.Serializer[Any]):
    # A subclass adds `results`. A docstring here would become the description of each page.
    next = serializers.CharField(allow_null=True, help_text="The URL of the next page; null on the last one.")
