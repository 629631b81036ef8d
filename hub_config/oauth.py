"""Sign-in with an OAuth provider: OAuthenticator's classes under the campus's rules of admission.

The provider says who somebody is; the roster says whether they get in. Only the claim that names people is used.
"""

# JupyterHub and its authenticators carry no types
# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

from typing import Any

from jupyterhub.utils import url_path_join
from oauthenticator.azuread import AzureAdOAuthenticator
from oauthenticator.generic import GenericOAuthenticator
from oauthenticator.github import GitHubOAuthenticator
from oauthenticator.gitlab import GitLabOAuthenticator
from oauthenticator.google import GoogleOAuthenticator
from oauthenticator.oauth2 import OAuthCallbackHandler, OAuthenticator, OAuthLoginHandler
from tornado import web
from tornado.httpclient import HTTPClientError
from traitlets import Unicode
from traitlets.config import Config

from hub_config.auth import CampusRules
from hub_config.providers import Provider
from hub_config.words import NO_NAME, PROVIDER_AWAY, PROVIDER_REFUSED, REFUSED, STALE_SIGN_IN, UNVERIFIED_EMAIL

DISCOVERY = "/.well-known/openid-configuration"


class CampusLoginHandler(OAuthLoginHandler):
    """Sends the browser to the provider, once the provider's addresses are known."""

    async def get(self) -> None:
        await self.authenticator.discover()
        super().get()


class CampusCallbackHandler(OAuthCallbackHandler):
    """Takes the browser back; what goes wrong is said in both languages."""

    def check_state(self) -> None:
        try:
            super().check_state()
        except web.HTTPError as error:
            raise web.HTTPError(400, STALE_SIGN_IN.both(), reason="Bad Request") from error

    def check_code(self) -> None:
        try:
            super().check_code()
        except web.HTTPError as error:
            raise web.HTTPError(400, STALE_SIGN_IN.both(), reason="Bad Request") from error

    def check_error(self) -> None:
        if error := self.get_argument("error", ""):
            self.log.warning("The sign-in provider answered %r", error[:200])
            raise web.HTTPError(400, PROVIDER_REFUSED.both(reason=error[:60]), reason="Bad Request")


class CampusOAuthenticator(CampusRules, OAuthenticator):
    """What every OAuth sign-in of the campus has in common. Not used by itself."""

    login_handler = CampusLoginHandler
    callback_handler = CampusCallbackHandler

    async def discover(self) -> None:
        """Learn the provider's addresses; most have them from the start."""

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """The value of the claim that names people, as text; refuses (403) where it is missing or unproven."""
        claim = self.username_claim
        value = user_info.get(claim)
        if value is None or value == "":
            self.log.error("The provider sent no claim %r; it sent %s", claim, ", ".join(sorted(user_info)))
            raise web.HTTPError(403, NO_NAME.both(claim=claim), reason="Forbidden")
        proof = (user_info.get("email_verified"), user_info.get("verified_email"))
        if claim == "email" and any(word in (False, "false") for word in proof if word is not None):
            raise web.HTTPError(403, UNVERIFIED_EMAIL.both(), reason="Forbidden")
        return str(super().user_info_to_username({**user_info, claim: str(value)}))

    async def get_token_info(self, handler: Any, params: dict[str, Any]) -> dict[str, Any]:
        await self.discover()
        try:
            return dict(await super().get_token_info(handler, params))
        except HTTPClientError as error:
            raise self._provider_failed(error) from error
        except OSError as error:
            raise web.HTTPError(503, PROVIDER_AWAY.both(), reason="Service Unavailable") from error

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        try:
            return dict(await super().token_to_user(token_info))
        except HTTPClientError as error:
            raise self._provider_failed(error) from error
        except OSError as error:
            raise web.HTTPError(503, PROVIDER_AWAY.both(), reason="Service Unavailable") from error

    def _provider_failed(self, error: HTTPClientError) -> web.HTTPError:
        """A code that is used, old or forged is the browser's fault (4xx); everything else the provider's."""
        if 400 <= error.code < 500:
            return web.HTTPError(403, PROVIDER_REFUSED.both(reason=str(error.code)), reason="Forbidden")
        return web.HTTPError(503, PROVIDER_AWAY.both(), reason="Service Unavailable")


class CampusOidc(CampusOAuthenticator, GenericOAuthenticator):
    """Any OpenID Connect provider, by its issuer alone. https://openid.net/specs/openid-connect-discovery-1_0.html"""

    issuer = Unicode(config=True, help="The issuer's address; its discovery document names the addresses to use.")

    async def discover(self) -> None:
        """Read the issuer's discovery document once; 503 with a sentence while it can't be had."""
        if self.authorize_url or not self.issuer:
            return
        try:
            document = await self.httpfetch(
                self.issuer + DISCOVERY, "reading the discovery document", request_timeout=10
            )
        except (HTTPClientError, OSError, ValueError) as error:
            self.log.error("No discovery document at %s: %s", self.issuer + DISCOVERY, error)
            raise web.HTTPError(503, PROVIDER_AWAY.both(), reason="Service Unavailable") from error
        self._take(document)

    def _take(self, document: Any) -> None:
        wanted = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint")
        if (
            not isinstance(document, dict)
            or str(document.get("issuer", "")).rstrip("/") != self.issuer
            or not all(isinstance(document.get(name), str) for name in wanted)
        ):
            self.log.error("The discovery document at %s is not this issuer's, or lacks one of %s", self.issuer, wanted)
            raise web.HTTPError(503, PROVIDER_AWAY.both(), reason="Service Unavailable")
        methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        self.basic_auth = "client_secret_post" not in methods
        self.token_url = document["token_endpoint"]
        self.userdata_url = document["userinfo_endpoint"]
        self.authorize_url = document["authorization_endpoint"]


class CampusGitHub(CampusOAuthenticator, GitHubOAuthenticator):
    """GitHub or GitHub Enterprise."""


class CampusGitLab(CampusOAuthenticator, GitLabOAuthenticator):
    """gitlab.com or one's own GitLab."""


class CampusGoogle(CampusOAuthenticator, GoogleOAuthenticator):
    """Google accounts; people are named by their whole e-mail address."""


class CampusAzureAd(CampusOAuthenticator, AzureAdOAuthenticator):
    """Microsoft Entra ID (Azure AD) accounts of one tenant."""


AUTHENTICATORS: dict[str, type[CampusOAuthenticator]] = {
    "oidc": CampusOidc,
    "github": CampusGitHub,
    "gitlab": CampusGitLab,
    "google": CampusGoogle,
    "azuread": CampusAzureAd,
}


def configure_provider(c: Config, provider: Provider, public_url: str) -> None:
    """The authenticator of `provider` and what it needs; the callback follows from the campus's public address."""
    c.JupyterHub.authenticator_class = AUTHENTICATORS[provider.kind]
    c.OAuthenticator.client_id = provider.client_id
    c.OAuthenticator.client_secret = provider.client_secret
    c.OAuthenticator.oauth_callback_url = url_path_join(public_url, "hub/oauth_callback")
    c.OAuthenticator.login_service = provider.title
    c.OAuthenticator.username_claim = provider.claim
    c.OAuthenticator.scope = list(provider.scope)
    c.OAuthenticator.enable_pkce = True
    c.OAuthenticator.validate_server_cert = True
    c.OAuthenticator.custom_403_message = REFUSED.both()
    _configure_urls(c, provider)


def _configure_urls(c: Config, provider: Provider) -> None:
    urls = provider.urls
    match provider.kind:
        case "github":
            c.GitHubOAuthenticator.github_url = urls["base"]
        case "gitlab":
            c.GitLabOAuthenticator.gitlab_url = urls["base"]
        case "google":
            c.GoogleOAuthenticator.hosted_domain = [urls["domain"]] if urls["domain"] else []
            c.GoogleOAuthenticator.strip_domain = False
        case "azuread":
            base = f"https://login.microsoftonline.com/{urls['tenant']}/oauth2/v2.0"
            c.AzureAdOAuthenticator.tenant_id = urls["tenant"]
            c.OAuthenticator.authorize_url = f"{base}/authorize"
            c.OAuthenticator.token_url = f"{base}/token"
        case _ if "issuer" in urls:
            c.CampusOidc.issuer = urls["issuer"]
        case _:
            c.OAuthenticator.authorize_url = urls["authorize"]
            c.OAuthenticator.token_url = urls["token"]
            c.OAuthenticator.userdata_url = urls["userinfo"]
