"""Find names that look almost like existing ones and are probably misspellings of them.

Such names differ only in letter case, in diacritical marks, or in characters that look alike (apostrophes, dashes,
letters of another script).
"""

from collections.abc import Iterable

from integrations.models import Organisation, Outlet
from integrations.text.characters import differences, folded, look_alike_form, normalised_name


def warning_about(name: str, existing: Iterable[str]) -> str:
    """Return a warning to show before a row with this name is created, or an empty text.

    The text is empty if exactly this name exists, or if no existing name is similar.
    """
    name = normalised_name(name)
    others = set(existing)
    alike = look_alike_form(name)
    near = sorted(each for each in others if look_alike_form(each) == alike) if name not in others else []
    return did_you_mean((name, each) for each in near[:1])


def warning_about_organisation(name: str) -> str:
    """Return the warning about a new organisation's name, compared with all existing ones."""
    return warning_about(name, Organisation.objects.values_list("name", flat=True))


def warning_about_outlet(organisation: str, name: str) -> str:
    """Return the warning about a new outlet's name, compared with the names of its organisation's outlets."""
    siblings = Outlet.objects.filter(organisation__name=normalised_name(organisation))
    return warning_about(name, siblings.values_list("name", flat=True))


def did_you_mean(pairs: Iterable[tuple[str, str]]) -> str:
    """Return a text that asks whether the new name in each pair means the existing one.

    The text is empty if the two names of every pair are equal.
    """
    differing = ((name, other) for name, other in pairs if name != other)
    found = [f"“{name}” differs from “{other}” only in {_of_what(name, other)}." for name, other in differing]
    return f"{' '.join(found)} Is it the same?" if found else ""


def _of_what(name: str, other: str) -> str:
    if folded(name) == folded(other):
        return "letter case or accents"
    return f"characters that look alike ({', '.join(differences(name, other))})"
