"""URLs of the sign-in pages. `login/` replaces the login page of Django's admin.

Most of the URL names are allauth's, because allauth looks them up.
"""

from django.urls import path

from integrations.staff.signing_in import factors, oidc, views
from integrations.staff.signing_in.proof import recently_proved, signed_in

urlpatterns = [
    path("login/", views.Login.as_view(), name="account_login"),
    path("login/code/", views.EnterCode.as_view(), name="mfa_authenticate"),
    path("login/inactive/", views.Inactive.as_view(), name="account_inactive"),
    path("login/again/", views.sign_in_again, name="sign_in_again"),
    path("logout/", views.Logout.as_view(), name="account_logout"),
    path("confirm/", views.Confirm.as_view(), name="account_reauthenticate"),
    path("confirm/code/", views.ConfirmByCode.as_view(), name="mfa_reauthenticate"),
    path("confirm/passkey/", views.ConfirmByPasskey.as_view(), name="mfa_reauthenticate_webauthn"),
    path("confirm/provider/", views.confirm_at_provider, name="oidc_confirm"),
    path("sign-in/", signed_in(factors.Overview.as_view()), name="mfa_index"),
    path("sign-in/sessions/", signed_in(factors.Sessions.as_view()), name="usersessions_list"),
    path("sign-in/app/", recently_proved(factors.SetUpApp.as_view()), name="mfa_activate_totp"),
    path("sign-in/app/remove/", recently_proved(factors.RemoveApp.as_view()), name="mfa_deactivate_totp"),
    path("sign-in/passkey/", recently_proved(factors.AddPasskey.as_view()), name="mfa_add_webauthn"),
    path("sign-in/passkey/<int:pk>/", recently_proved(factors.RemovePasskey.as_view()), name="mfa_remove_webauthn"),
    path("sign-in/codes/", recently_proved(factors.RecoveryCodes.as_view()), name="mfa_view_recovery_codes"),
    path("sign-in/codes/new/", recently_proved(factors.NewRecoveryCodes.as_view()), name="mfa_generate_recovery_codes"),
    path("oidc/login/", oidc.begin, name="oidc_login"),
    path("oidc/link/", oidc.begin_linking, name="oidc_link"),
    path("oidc/callback/", oidc.callback, name="oidc_callback"),
]
