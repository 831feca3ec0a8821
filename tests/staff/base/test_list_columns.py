"""The lists begin with the columns that a phone shows: the state and the name, then the time."""

import re

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from tests.support.staff.world import make_world

FIRST_CELL = re.compile(r'<tr>(?:<td class="action-checkbox">.*?</td>)?<t[hd].*?</t[hd]>', re.DOTALL)


@pytest.mark.django_db
def test_no_list_begins_with_a_time(staff: Client) -> None:
    make_world()
    listed, with_time = set(), set()
    for model in admin.site._registry:
        name = model._meta.model_name
        url = reverse(f"admin:{model._meta.app_label}_{name}_changelist")
        if cells := FIRST_CELL.findall(staff.get(url).content.decode().partition("<tbody>")[2]):
            listed.add(name)
            with_time |= {name} if any("<time" in cell for cell in cells) else set()
    assert listed >= {"request", "connection", "authattempt", "unrecognisedframe", "auditevent", "handoverlink"}
    assert with_time == set()
