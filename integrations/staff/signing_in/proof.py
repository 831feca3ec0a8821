"""Requires a recent proof of identity before a sensitive action."""

import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from integrations.staff.signing_in import gate, typed
from integrations.staff.signing_in.records import records_of

NOT_DONE = "Nothing was changed yet, because you signed in too long ago. Confirm that it is you to return to the form."

View = Callable[..., HttpResponseBase]


def is_recent(request: HttpRequest) -> bool:
    """Return whether the person signed in or confirmed their identity within REAUTHENTICATE_SECONDS.

    allauth writes the times by each host's own clock, so a time far in the future does not count as recent.
    """
    proofs = records_of(request.session, request.user)
    return any(abs(time.time() - each.at) <= settings.REAUTHENTICATE_SECONDS for each in proofs)


def ask(
    request: HttpRequest, fields: typed.Fields, *, path: str = "", selected: Sequence[int] = ()
) -> HttpResponseRedirect:
    """Redirect to the page that asks for a proof. That page then redirects to `path`, by default this request's path.

    The form at `path` gets its posted values back, except secrets, which are not stored. `selected` are the rows that
    the form acts on.
    """
    path = path or request.get_full_path()
    if request.method not in ("GET", "HEAD"):
        typed.keep(request, fields, path=path, selected=selected)
        messages.warning(request, NOT_DONE)
    return HttpResponseRedirect(f"{_asking_url(request)}?{urlencode({'next': path})}")


def ask_if_stale(
    request: HttpRequest, fields: typed.Fields | None = None, *, selected: Sequence[int] = ()
) -> HttpResponseRedirect | None:
    """Return None if there is a recent proof, otherwise a redirect to the page that asks for one.

    `fields` are the fields of this page's form.
    """
    if not is_recent(request):
        return ask(request, fields or {}, selected=selected)
    typed.recall(request)
    return None


def recently_proved(view: View) -> View:
    """Guard a view as `signed_in` does, and also require a recent proof of identity."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if refused := redirect_unless_complete(request):
            return refused
        return ask_if_stale(request) or view(request, *args, **kwargs)

    return guarded


def signed_in(view: View) -> View:
    """Guard a view of staff's own sign-in settings.

    A person with a second factor must have proved it in this session. A person without one may open the view.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return redirect_unless_complete(request) or view(request, *args, **kwargs)

    return guarded


def redirect_unless_complete(request: HttpRequest) -> HttpResponseRedirect | None:
    """Return a redirect if the person may not change their own factors yet, otherwise None."""
    here = urlencode({"next": request.get_full_path()})
    if not gate.is_staff(request.user):
        return HttpResponseRedirect(f"{reverse('account_login')}?{here}")
    if gate.missing_in(request) is gate.Missing.PROVE:
        return HttpResponseRedirect(f"{gate.Missing.PROVE.url}?{here}")
    return None


def _asking_url(request: HttpRequest) -> str:
    methods = get_adapter().get_reauthentication_methods(request.user)
    if methods:
        return str(methods[0]["url"])
    if settings.OIDC_SERVER_URL and SocialAccount.objects.filter(user_id=request.user.pk).exists():
        return reverse("oidc_confirm")
    return reverse("sign_in_again")
