"""Where people prove who they are: the sign-in providers and what each needs from the environment.

Decides nothing about who gets in; `hub_config.auth` does. Sign-ins other than `demo` are OAuth 2.0 / OpenID Connect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub_config.environment import PREFIX, Environment, SettingsError

SIGN_INS = ("demo", "oidc", "github", "google", "gitlab", "azuread")

#: title on the button, the claim that names people, scopes to ask for
DEFAULTS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "oidc": ("기관 계정 · institution account", "preferred_username", ("openid", "profile", "email")),
    "github": ("GitHub", "login", ()),
    "google": ("Google", "email", ("openid", "email")),
    "gitlab": ("GitLab", "username", ("read_user",)),
    "azuread": ("Microsoft", "preferred_username", ("openid", "profile", "email")),
}


@dataclass(frozen=True)
class Provider:
    """One OAuth provider as this campus uses it. `urls` holds what the kind needs: see `_read_urls`."""

    kind: str
    title: str
    claim: str
    scope: tuple[str, ...]
    client_id: str
    client_secret: str = field(repr=False)
    urls: Mapping[str, str]


def read_provider(env: Environment, kind: str) -> Provider | None:
    """The provider that `kind` names, or None for demonstration passwords; SettingsError says what is missing."""
    if kind == "demo":
        return None
    title, claim, scope = DEFAULTS[kind]
    secret = env.secret("OAUTH_CLIENT_SECRET")
    if not secret:
        raise SettingsError(
            f"{PREFIX}OAUTH_CLIENT_SECRET is not set; sign-in with {kind} needs the secret that the provider gave "
            f"for this campus. Set it, or name a file that holds it in {PREFIX}OAUTH_CLIENT_SECRET_FILE."
        )
    return Provider(
        kind=kind,
        title=env.text("SIGN_IN_NAME", title),
        claim=env.text("SIGN_IN_CLAIM", claim),
        scope=tuple(env.text("SIGN_IN_SCOPES").split()) or scope,
        client_id=env.required(
            "OAUTH_CLIENT_ID", f"sign-in with {kind} needs the client id that the provider gave for this campus"
        ),
        client_secret=secret,
        urls=_read_urls(env, kind),
    )


def _read_urls(env: Environment, kind: str) -> dict[str, str]:
    if kind == "github":
        return {"base": env.url("GITHUB_URL", "https://github.com", secure=True)}
    if kind == "gitlab":
        return {"base": env.url("GITLAB_URL", "https://gitlab.com", secure=True)}
    if kind == "google":
        return {"domain": env.text("GOOGLE_DOMAIN").lower()}
    if kind == "azuread":
        tenant = env.required(
            "AZUREAD_TENANT", "it must be the tenant's id, so that only accounts of that organisation can sign in"
        )
        if tenant.lower() in ("common", "organizations", "consumers"):
            raise SettingsError(
                f"{PREFIX}AZUREAD_TENANT is {tenant!r}, which lets any Microsoft account choose its own name; "
                "set the id of your organisation's tenant."
            )
        return {"tenant": tenant}
    return _read_oidc_urls(env)


def _read_oidc_urls(env: Environment) -> dict[str, str]:
    """Either the issuer, whose discovery document names the rest, or the three addresses themselves."""
    issuer = env.url("OIDC_ISSUER", secure=True)
    explicit = {
        "authorize": env.url("OIDC_AUTHORIZE_URL", secure=True),
        "token": env.url("OIDC_TOKEN_URL", secure=True),
        "userinfo": env.url("OIDC_USERINFO_URL", secure=True),
    }
    if issuer:
        return {"issuer": issuer}
    missing = [f"{PREFIX}OIDC_{name.upper()}_URL" for name, value in explicit.items() if not value]
    if missing:
        raise SettingsError(
            f"{PREFIX}OIDC_ISSUER is not set, nor {', '.join(missing)}; set the issuer's address "
            "(its /.well-known/openid-configuration is read), or all three addresses."
        )
    return explicit
