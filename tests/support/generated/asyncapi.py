"""Writes docs/asyncapi.yaml; script/asyncapi calls this module."""

import os

import django
import yaml

from tests.support.project import PROJECT

FILE = PROJECT / "docs/asyncapi.yaml"


def written() -> str:
    """Generate the content of docs/asyncapi.yaml from the code, and return it."""
    from integrations.pos.asyncapi import document

    heading = "# Written by script/asyncapi. Do not edit.\n"
    return heading + yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    FILE.write_text(written(), encoding="utf-8")
