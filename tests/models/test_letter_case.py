"""Lookups that ignore letter case do so for all letters, also for those with a longer upper case."""

import pytest

from integrations.models import Organisation

NAME = "Große HÖHENSTRAẞE ΐ"


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["GROßE höhenstraße ΐ", "groẞe HÖHENSTRAẞE ΐ"])
@pytest.mark.parametrize("lookup", ["iexact", "icontains", "istartswith", "iendswith"])
def test_a_lookup_ignores_the_case_of_letters_with_a_longer_upper_case(lookup: str, text: str) -> None:
    Organisation.objects.create(name=NAME)
    assert Organisation.objects.filter(**{f"name__{lookup}": text}).exists()
    assert not Organisation.objects.filter(**{f"name__{lookup}": f"{text}ß"}).exists()
