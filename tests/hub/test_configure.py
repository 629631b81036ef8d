"""configure() against a fresh Config: one behaviour each, and no key that JupyterHub doesn't know."""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any

import pytest
from jupyterhub.app import JupyterHub
from jupyterhub.auth import Authenticator
from jupyterhub.proxy import ConfigurableHTTPProxy
from jupyterhub.spawner import LocalProcessSpawner, Spawner
from oauthenticator.azuread import AzureAdOAuthenticator
from oauthenticator.github import GitHubOAuthenticator
from oauthenticator.gitlab import GitLabOAuthenticator
from oauthenticator.google import GoogleOAuthenticator
from oauthenticator.oauth2 import OAuthenticator
from traitlets.config import Config

from cohorts.database import WATCHED
from cohorts.hub import ADMINISTRATORS, SCOPES
from hub_config.auth import DemoAuthenticator
from hub_config.configure import configure
from hub_config.docker_spawner import CampusDockerSpawner
from hub_config.oauth import AUTHENTICATORS, CampusOidc
from hub_config.settings import read_settings
from hub_config.spawner import CampusLocalProcessSpawner

OAUTH = {"BITGOEUL_OAUTH_CLIENT_ID": "id", "BITGOEUL_OAUTH_CLIENT_SECRET": "secret"}
SIGN_INS = {
    "demo": {},
    "oidc": OAUTH | {"BITGOEUL_OIDC_ISSUER": "https://id.example.kr/realms/a/"},
    "oidc-explicit": OAUTH
    | {
        "BITGOEUL_SIGN_IN": "oidc",
        "BITGOEUL_OIDC_AUTHORIZE_URL": "https://id.example.kr/a",
        "BITGOEUL_OIDC_TOKEN_URL": "https://id.example.kr/t",
        "BITGOEUL_OIDC_USERINFO_URL": "https://id.example.kr/u",
    },
    "github": OAUTH,
    "github-enterprise": OAUTH | {"BITGOEUL_SIGN_IN": "github", "BITGOEUL_GITHUB_URL": "https://git.example.kr"},
    "gitlab": OAUTH | {"BITGOEUL_GITLAB_URL": "https://gitlab.example.kr"},
    "google": OAUTH | {"BITGOEUL_GOOGLE_DOMAIN": "Example.kr"},
    "azuread": OAUTH | {"BITGOEUL_AZUREAD_TENANT": "11111111-2222-3333-4444-555555555555"},
}
DOCKER = {"BITGOEUL_SPAWNER": "docker", "BITGOEUL_LEASE_TOKEN": "l" * 32}
CLASSES = {
    kind.__name__: kind
    for kind in (
        *(JupyterHub, Authenticator, ConfigurableHTTPProxy, Spawner, LocalProcessSpawner, CampusLocalProcessSpawner),
        *(DemoAuthenticator, OAuthenticator, CampusOidc, GitHubOAuthenticator, GitLabOAuthenticator),
        *(GoogleOAuthenticator, AzureAdOAuthenticator, CampusDockerSpawner),
    )
}


@pytest.fixture
def environ(tmp_path: Path, helpers: Any) -> dict[str, str]:
    environment: dict[str, str] = helpers.environment_of_a_campus(tmp_path)
    return environment


def configured(environ: dict[str, str], **changes: str) -> Config:
    c = Config()
    configure(c, read_settings(environ | {f"BITGOEUL_{name}": value for name, value in changes.items()}))
    return c


def signed_in_by(environ: dict[str, str], case: str) -> Any:
    """The authenticator that JupyterHub would make for one of SIGN_INS."""
    environ = environ | {"BITGOEUL_SIGN_IN": case.split("-")[0]} | SIGN_INS[case]
    c = Config()
    configure(c, read_settings(environ))
    return c.JupyterHub.authenticator_class(config=c)


@pytest.mark.parametrize("spawner", ["local", "docker"])
@pytest.mark.parametrize("case", SIGN_INS)
def test_every_key_is_one_that_its_class_knows(environ: dict[str, str], case: str, spawner: str) -> None:
    c = Config()
    containers = DOCKER if spawner == "docker" else {}
    configure(c, read_settings(environ | containers | {"BITGOEUL_SIGN_IN": case.split("-")[0]} | SIGN_INS[case]))
    for class_name, section in c.items():
        known = CLASSES[class_name].class_traits(config=True)
        unknown = set(section) - set(known)
        assert not unknown, f"{class_name} has no {unknown}"


@pytest.mark.parametrize("case", SIGN_INS)
def test_jupyterhub_accepts_every_value(environ: dict[str, str], case: str) -> None:
    c = Config()
    configure(c, read_settings(environ | {"BITGOEUL_SIGN_IN": case.split("-")[0]} | SIGN_INS[case]))
    app = JupyterHub(config=copy.deepcopy(c))
    try:
        assert app.hub_bind_url == environ["BITGOEUL_HUB_API_URL"].removesuffix("/hub/api")
        assert app.default_url == "/services/portal/"
        ConfigurableHTTPProxy(config=c, app=app)
    finally:
        app.clear_instance()


@pytest.mark.parametrize("case", SIGN_INS)
def test_nobody_gets_in_because_they_have_an_account(environ: dict[str, str], case: str) -> None:
    authenticator = signed_in_by(environ, case)
    assert authenticator.allow_all is False
    assert authenticator.allow_existing_users is True
    assert not authenticator.allowed_users
    assert not authenticator.admin_users
    assert authenticator.any_allow_config


@pytest.mark.parametrize(
    ("case", "claim", "authorize", "token"),
    [
        ("oidc-explicit", "preferred_username", "https://id.example.kr/a", "https://id.example.kr/t"),
        ("github", "login", "https://github.com/login/oauth/authorize", "https://github.com/login/oauth/access_token"),
        (
            "github-enterprise",
            "login",
            "https://git.example.kr/login/oauth/authorize",
            "https://git.example.kr/login/oauth/access_token",
        ),
        ("gitlab", "username", "https://gitlab.example.kr/oauth/authorize", "https://gitlab.example.kr/oauth/token"),
        (
            "google",
            "email",
            "https://accounts.google.com/o/oauth2/v2/auth",
            "https://www.googleapis.com/oauth2/v4/token",
        ),
        (
            "azuread",
            "preferred_username",
            "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/oauth2/v2.0/authorize",
            "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token",
        ),
    ],
)
def test_each_provider_knows_its_addresses_and_claim(
    environ: dict[str, str], case: str, claim: str, authorize: str, token: str
) -> None:
    authenticator = signed_in_by(environ, case)
    assert isinstance(authenticator, AUTHENTICATORS[case.split("-")[0]])
    assert authenticator.username_claim == claim
    assert authenticator.authorize_url == authorize
    assert authenticator.token_url == token
    assert authenticator.enable_pkce
    assert authenticator.validate_server_cert
    assert authenticator.oauth_callback_url == environ["BITGOEUL_PUBLIC_URL"] + "/hub/oauth_callback"


def test_an_issuer_alone_is_enough_for_oidc(environ: dict[str, str]) -> None:
    authenticator = signed_in_by(environ, "oidc")
    assert authenticator.issuer == "https://id.example.kr/realms/a"
    assert authenticator.authorize_url == ""


def test_google_names_people_by_their_whole_address(environ: dict[str, str]) -> None:
    authenticator = signed_in_by(environ, "google")
    assert authenticator.hosted_domain == ["example.kr"]
    name = authenticator.user_info_to_username(
        {"email": "minji@example.kr", "verified_email": True, "hd": "example.kr"}
    )
    assert name == "minji@example.kr"


def test_a_number_may_name_people(environ: dict[str, str]) -> None:
    environ = environ | {"BITGOEUL_SIGN_IN_CLAIM": "id"}
    assert signed_in_by(environ, "github").user_info_to_username({"id": 583231, "login": "octocat"}) == "583231"


def test_the_portal_has_exactly_the_scopes_that_it_uses(environ: dict[str, str]) -> None:
    roles = {role["name"]: role for role in configured(environ).JupyterHub.load_roles}
    assert set(roles) == {"user", "server", "portal", "campus-administrator", "metrics"}
    assert sorted(roles["portal"]["scopes"]) == sorted(SCOPES)
    assert roles["portal"]["services"] == ["portal"]
    assert roles["campus-administrator"]["groups"] == [ADMINISTRATORS]


def test_no_role_opens_other_people_s_servers(environ: dict[str, str]) -> None:
    for role in configured(environ).JupyterHub.load_roles:
        for scope in role["scopes"]:
            name, _, narrowed = scope.partition("!")
            if name in ("access:servers", "shares", "tokens", "admin:servers"):
                assert narrowed in ("server", "group=grading-servers"), (role["name"], scope)


def test_administrators_by_setting_are_exactly_those(environ: dict[str, str]) -> None:
    roles = {role["name"]: role for role in configured(environ, ADMINS="kim,Lee").JupyterHub.load_roles}
    assert roles["campus-administrator"]["users"] == ["kim", "lee"]


def test_the_portal_is_the_only_service_with_pages_and_asks_nobody_to_confirm(environ: dict[str, str]) -> None:
    [service, figures] = configured(environ).JupyterHub.services
    assert (figures["name"], "url" in figures) == ("metrics", False)
    assert service["name"] == "portal"
    assert service["url"] == environ["BITGOEUL_PORTAL_URL"].removesuffix("/services/portal")
    assert service["api_token"] == environ["BITGOEUL_PORTAL_TOKEN"]
    assert service["oauth_no_confirm"] is True
    assert "admin" not in service


def test_only_the_campus_s_own_programs_need_no_consent(environ: dict[str, str]) -> None:
    trusted = copy.deepcopy(configured(environ)).JupyterHub.tornado_settings["oauth_no_confirm_list"]
    assert "service-portal" in trusted
    assert "jupyterhub-user-grading-jc-2026-1-python" in trusted
    assert "jupyterhub-user-minji" not in trusted
    assert "service-other" not in trusted


def test_the_hub_listens_on_this_machine_only_and_starts_no_proxy(environ: dict[str, str]) -> None:
    c = configured(environ)
    assert c.JupyterHub.hub_bind_url == environ["BITGOEUL_HUB_API_URL"].removesuffix("/hub/api")
    assert c.ConfigurableHTTPProxy.should_start is False
    assert c.Spawner.ip == "127.0.0.1"


def test_cookies_are_secure_where_the_campus_is(environ: dict[str, str]) -> None:
    plain = configured(environ).JupyterHub.tornado_settings["cookie_options"]
    secure = configured(environ, PUBLIC_URL="https://campus.example.kr").JupyterHub.tornado_settings["cookie_options"]
    assert plain == {"SameSite": "Lax"}
    assert secure == {"SameSite": "Lax", "secure": True}


def test_a_class_is_never_told_to_come_back_later(environ: dict[str, str]) -> None:
    c = configured(environ, LAB_STARTS="3")
    assert c.JupyterHub.concurrent_spawn_limit == 0  # none: whoever is over it would be answered 429
    assert c.CampusLocalProcessSpawner.concurrent_starts == 3


def test_the_portal_s_token_costs_the_hub_no_stretching(environ: dict[str, str]) -> None:
    assert configured(environ).JupyterHub.trust_user_provided_tokens is True


def test_servers_may_be_left_running_when_the_hub_stops(environ: dict[str, str]) -> None:
    assert configured(environ).JupyterHub.cleanup_servers is True
    assert configured(environ, CLEANUP_SERVERS="0").JupyterHub.cleanup_servers is False


def test_a_demonstration_warns_once_that_servers_are_not_isolated(
    environ: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="hub_config"):
        configured(environ)
    assert [record.message for record in caplog.records if "NOT isolated" in record.message] == [
        caplog.records[0].message
    ]


def test_another_spawner_is_left_to_the_site_s_additions(environ: dict[str, str]) -> None:
    c = configured(environ, SPAWNER="dockerspawner.DockerSpawner")
    assert c.JupyterHub.spawner_class == "dockerspawner.DockerSpawner"
    assert "CampusLocalProcessSpawner" not in c


def test_labs_in_containers_are_told_where_hub_and_portal_are_and_outlive_the_hub(environ: dict[str, str]) -> None:
    addresses = {"LAB_HUB_URL": "http://hub:8081", "LAB_PORTAL_URL": "http://portal:8010/services/portal"}
    c = configured(environ | DOCKER, **addresses, HUB_LISTEN="0.0.0.0")
    assert c.JupyterHub.spawner_class is CampusDockerSpawner
    assert c.JupyterHub.cleanup_servers is False
    assert c.JupyterHub.hub_bind_url.startswith("http://0.0.0.0:")
    assert environ["BITGOEUL_HUB_API_URL"] == c.JupyterHub.hub_connect_url + "/hub/api"
    spawner = CampusDockerSpawner(config=c)
    assert (spawner.ip, spawner.port, spawner.remove) == ("0.0.0.0", 8888, True)
    assert spawner.hub_connect_url == "http://hub:8081"
    assert spawner.portal_url == "http://portal:8010/services/portal"
    assert spawner.portal_url_of_hub == environ["BITGOEUL_PORTAL_URL"]


def test_a_warden_looks_after_labs_in_containers_and_may_only_look_at_the_hub(environ: dict[str, str]) -> None:
    c = configured(environ | DOCKER)
    [_, _, warden] = c.JupyterHub.services
    assert warden["name"] == "warden"
    assert warden["command"][1:] == ["-m", "hub_config.warden"]
    [role] = [role for role in c.JupyterHub.load_roles if role["name"] == "warden"]
    assert role == {"name": "warden", "scopes": ["list:users", "read:servers"], "services": ["warden"]}


def test_the_hub_s_database_may_be_elsewhere(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "password").write_text("p@ss\n")
    c = configured(
        environ,
        HUB_DATABASE_URL="postgresql+psycopg://hub@db/hub",
        DATABASE_PASSWORD_FILE=str(tmp_path / "password"),
    )
    assert c.JupyterHub.db_url == "postgresql+psycopg://hub:p%40ss@db/hub"
    assert c.JupyterHub.db_kwargs["connect_args"] == WATCHED, "both say the same, and neither may know the other"


def test_a_database_in_a_file_takes_no_word_about_wires(environ: dict[str, str]) -> None:
    assert "db_kwargs" not in configured(environ).JupyterHub


def test_the_site_s_additions_have_the_last_word_in_order(environ: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "jupyterhub_config.d"
    folder.mkdir()
    (folder / "20-later.py").write_text("c.JupyterHub.concurrent_spawn_limit = 7\n")
    (folder / "10-first.py").write_text(
        "c.JupyterHub.concurrent_spawn_limit = 3\n"
        "c.JupyterHub.services.append({'name': 'extra'})\n"
        "c.Spawner.mem_limit = '2G'\n"
    )
    c = configured(environ)
    assert c.JupyterHub.concurrent_spawn_limit == 7
    assert [service["name"] for service in c.JupyterHub.services] == ["portal", "metrics", "extra"]
    assert c.Spawner.mem_limit == "2G"
    assert c.JupyterHub.hub_bind_url.startswith("http://127.0.0.1:")


def test_the_configuration_file_is_a_table_of_contents() -> None:
    source = (Path(__file__).resolve().parents[2] / "jupyterhub_config.py").read_text()
    code = [line for line in source.split('"""')[2].splitlines() if line.strip()]
    assert len(code) <= 8
    assert not [line for line in code if line.startswith(("if ", "def ", "for ", "try"))]
