"""The page behind every one-time hand-over link.

A link has the form /handover/#TEXT. The part after the # stays in the recipient's browser, so no server, proxy, link
preview or scanner sees it. A static script copies it into the form; without JavaScript the recipient does so. So GET
and HEAD give every caller the same answer and do not use up the link. To open the link, the recipient sends a POST with
the passphrase.
"""

import time

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from integrations.services.handover import links as handover_links
from integrations.services.handover.errors import LinkBusy, LinkRefused
from integrations.text.characters import printable
from integrations.text.client_address import address_of

REFUSED_AFTER = 0.75  # seconds until a refusal is sent; no check takes longer, so the duration reveals nothing


@csrf_exempt  # no cookie grants a right here, and a forged form would also need the link and the passphrase
@sensitive_post_parameters("code", "passphrase")
@require_http_methods(["GET", "HEAD", "POST"])
def hand_over(request: HttpRequest) -> HttpResponse:
    """Return the form that asks for the passphrase. If the request is a POST, return the values or a refusal."""
    response = _opened(request) if request.method == "POST" else render(request, "recipient/ask.html")
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response


@sensitive_variables()
def _opened(request: HttpRequest) -> HttpResponse:
    began = time.monotonic()
    code, passphrase = request.POST.get("code", "")[:400], request.POST.get("passphrase", "")
    try:
        opened = handover_links.open_link(
            code, passphrase, address=address_of(request), user_agent=_user_agent(request)
        )
    except LinkRefused:
        time.sleep(max(0.0, began + REFUSED_AFTER - time.monotonic()))
        return render(request, "recipient/ask.html", {"code": code, "is_refused": True}, status=403)
    except LinkBusy:
        return render(request, "recipient/ask.html", {"code": code, "is_busy": True}, status=503)
    return render(request, "recipient/opened.html", {"handover": opened.handover, "outlet": opened.link.integration})


def _user_agent(request: HttpRequest) -> str:
    return printable(request.META.get("HTTP_USER_AGENT") or "", 200)
