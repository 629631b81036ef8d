"""How JupyterHub is set up: named sections that each assign to `c`. Decides nothing; settings have been read before."""

from __future__ import annotations

import logging
import os
from typing import Any

from traitlets.config import Config, PyFileConfigLoader

from hub_config.auth import DemoAuthenticator
from hub_config.consent import TrustedClients
from hub_config.lab_settings import CONTAINER_SPAWNERS
from hub_config.logs import build_logging, ensure_lines, log_request
from hub_config.oauth import configure_provider
from hub_config.pages import LOGO, TEMPLATES
from hub_config.roles import PORTAL, build_roles
from hub_config.services import build_services, build_warden
from hub_config.settings import HubSettings
from hub_config.spawner import CampusLocalProcessSpawner
from hub_config.swarm_spawner import CampusSwarmSpawner

DAY = 24 * 3600
SLOW_SPAWN = 0.5
log = logging.getLogger(__name__)


def configure(c: Config, settings: HubSettings) -> None:
    """Set up the hub of this campus, then let DATA/jupyterhub_config.d/*.py have the last word."""
    configure_logs(c, settings)
    configure_addresses(c, settings)
    configure_state(c, settings)
    configure_proxy(c, settings)
    configure_admission(c)
    configure_sign_in(c, settings)
    configure_sessions(c, settings)
    configure_roles(c, settings)
    configure_services(c, settings)
    configure_servers(c, settings)
    configure_spawner(c, settings)
    configure_pages(c)
    load_additions(c, settings)


#: how PostgreSQL and its client watch whether the other end is still there; cohorts/database.py says the same, and why
WATCHED = {
    **{"connect_timeout": 10, "keepalives_idle": 5, "keepalives_interval": 5, "keepalives_count": 3},
    "tcp_user_timeout": 20_000,
    "options": "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 "
    "-c tcp_user_timeout=20000",
}


def configure_addresses(c: Config, settings: HubSettings) -> None:
    """The hub listens where programs beside it and labs reach it; people come through the proxy's public address."""
    c.JupyterHub.bind_url = "http://" + settings.public_url.split("://", 1)[1]
    c.JupyterHub.public_url = settings.public_url + "/"
    # with an ip and a port in its place, JupyterHub would listen at the address that it tells others, and nowhere else
    c.JupyterHub.hub_bind_url = f"http://{settings.hub_listen}:{settings.hub_port}"
    if settings.hub_listen != "127.0.0.1":
        c.JupyterHub.hub_connect_url = settings.hub_api_url.removesuffix("/hub/api")


def configure_state(c: Config, settings: HubSettings) -> None:
    """What the hub has to remember lies in one folder, or in a database of the site's."""
    c.JupyterHub.db_url = settings.hub_database_url
    if settings.hub_database_url.startswith("postgresql"):
        c.JupyterHub.db_kwargs = {"connect_args": WATCHED}
    c.JupyterHub.upgrade_db = True
    c.JupyterHub.cookie_secret_file = str(settings.state / "cookie_secret")


def configure_proxy(c: Config, settings: HubSettings) -> None:
    """The proxy runs beside the hub, so that lessons go on while the hub restarts."""
    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = settings.proxy_api_url
    c.ConfigurableHTTPProxy.auth_token = settings.proxy_token


def configure_admission(c: Config) -> None:
    """Who is in the hub's database gets in: the portal creates and deletes hub users as rosters say."""
    c.Authenticator.allow_existing_users = True
    c.Authenticator.allow_all = False
    c.Authenticator.admin_users = set()
    c.Authenticator.enable_auth_state = False
    c.Authenticator.auto_login = False


def configure_sign_in(c: Config, settings: HubSettings) -> None:
    """How people prove who they are."""
    if settings.provider is None:
        c.JupyterHub.authenticator_class = DemoAuthenticator
        c.DemoAuthenticator.secret = settings.demo_secret
    else:
        configure_provider(c, settings.provider, settings.public_url)


def configure_sessions(c: Config, settings: HubSettings) -> None:
    """A sign-in lasts a week, a server's or the portal's part of it a day; cookies stay on this site."""
    c.JupyterHub.cookie_max_age_days = 7
    c.JupyterHub.oauth_token_expires_in = DAY
    c.JupyterHub.tornado_settings = {
        "cookie_options": {"SameSite": "Lax", **({"secure": True} if settings.public_url.startswith("https:") else {})},
        "log_function": log_request,
        "oauth_no_confirm_list": TrustedClients(),
        "headers": {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"},
    }


def configure_roles(c: Config, settings: HubSettings) -> None:
    c.JupyterHub.load_roles = build_roles(
        settings.admins, warden=settings.spawner in CONTAINER_SPAWNERS, metrics=bool(settings.metrics_token)
    )


def configure_services(c: Config, settings: HubSettings) -> None:
    """The portal is where people arrive; where labs are containers, a warden looks after them."""
    # services' tokens are made at random: stretching them would cost the hub 10 ms for each of the portal's requests
    c.JupyterHub.trust_user_provided_tokens = True
    c.JupyterHub.services = build_services(
        portal_origin=settings.portal_origin,
        portal_token=settings.portal_token,
        metrics_token=settings.metrics_token,
    )
    if settings.spawner in CONTAINER_SPAWNERS:
        warden = build_warden(
            campus=settings.labs.campus,
            portal_url=settings.portal_url,
            lease_token=settings.labs.lease_token,
            environ=os.environ,
            module="hub_config.swarm_nodes" if settings.spawner == "swarm" else "hub_config.warden",
        )
        c.JupyterHub.services = [*c.JupyterHub.services, warden]
    c.JupyterHub.default_url = f"/services/{PORTAL}/"


def configure_servers(c: Config, settings: HubSettings) -> None:
    """One server a person. A hub that is asked to stop stops them; one that is killed finds them again."""
    c.JupyterHub.allow_named_servers = False
    c.JupyterHub.shutdown_on_logout = False
    c.JupyterHub.cleanup_servers = settings.cleanup_servers
    # a class that clicks at once waits its turn in the spawner, where it is told so; a limit here would answer 429
    c.JupyterHub.concurrent_spawn_limit = 0
    # whoever asks for a start watches its progress: no request of the portal's, and no page, waits for it
    c.JupyterHub.tornado_settings["slow_spawn_timeout"] = SLOW_SPAWN
    c.Spawner.start_timeout = 180
    c.Spawner.http_timeout = 60
    c.Spawner.options_from_form = "simple"
    c.Spawner.apply_user_options = keep_options
    c.Spawner.ip = "127.0.0.1"


def keep_options(spawner: Any, options: dict[str, Any]) -> None:
    """What a person chose stays where it is: spawners look into `user_options` for what they know."""


def configure_spawner(c: Config, settings: HubSettings) -> None:
    """Where servers run. A spawner other than ours is configured in jupyterhub_config.d."""
    if settings.spawner == "local":
        configure_local(c, settings)
    elif settings.spawner == "docker":
        configure_docker(c, settings)
    elif settings.spawner == "swarm":
        configure_swarm(c, settings)
    else:
        c.JupyterHub.spawner_class = settings.spawner


def configure_local(c: Config, settings: HubSettings) -> None:
    """Servers as processes of one account."""
    log.warning(
        "Servers run as processes of one account and are NOT isolated from each other or from the hub: "
        "for a demonstration among people who trust each other only."
    )
    c.JupyterHub.spawner_class = CampusLocalProcessSpawner
    c.CampusLocalProcessSpawner.homes = str(settings.homes)
    c.CampusLocalProcessSpawner.offerings = str(settings.offerings)
    c.CampusLocalProcessSpawner.logs = str(settings.state / "servers")
    c.CampusLocalProcessSpawner.portal_url = settings.portal_url
    c.CampusLocalProcessSpawner.lease_token = settings.labs.lease_token
    c.CampusLocalProcessSpawner.concurrent_starts = settings.labs.concurrent_starts
    c.CampusLocalProcessSpawner.locale = settings.locale
    c.CampusLocalProcessSpawner.time_zone = settings.timezone
    c.CampusLocalProcessSpawner.interrupt_timeout = 10
    c.CampusLocalProcessSpawner.term_timeout = 5


def configure_docker(c: Config, settings: HubSettings) -> None:
    """Servers as containers of one engine, on the hardware that the portal grants."""
    from hub_config.docker_spawner import CampusDockerSpawner  # a hub without containers does without the engine's SDK

    labs = settings.labs
    c.JupyterHub.spawner_class = CampusDockerSpawner
    c.CampusDockerSpawner.ip = "0.0.0.0"
    c.CampusDockerSpawner.hub_connect_url = labs.network.hub_url
    c.CampusDockerSpawner.portal_url = labs.network.portal_url
    c.CampusDockerSpawner.portal_url_of_hub = settings.portal_url
    c.CampusDockerSpawner.lease_token = labs.lease_token
    c.CampusDockerSpawner.campus = labs.campus
    c.CampusDockerSpawner.network = labs.network
    c.CampusDockerSpawner.homes = labs.homes
    c.CampusDockerSpawner.home_quota = labs.home_quota
    c.CampusDockerSpawner.offerings = labs.offerings
    c.CampusDockerSpawner.course_data = labs.course_data
    c.CampusDockerSpawner.staff = labs.staff
    c.CampusDockerSpawner.concurrent_starts = labs.concurrent_starts
    c.CampusDockerSpawner.locale = settings.locale
    c.CampusDockerSpawner.time_zone = settings.timezone


def configure_swarm(c: Config, settings: HubSettings) -> None:
    """Servers as services of a Swarm, which are looked at often: that costs the same for one and for a thousand."""
    configure_docker(c, settings)
    c.JupyterHub.spawner_class = CampusSwarmSpawner
    c.CampusSwarmSpawner.constraints = list(settings.labs.constraints)
    c.CampusSwarmSpawner.endpoint_mode = settings.labs.endpoint_mode
    c.CampusSwarmSpawner.poll_interval = 5


def configure_pages(c: Config) -> None:
    """The hub's few pages look and speak like the portal's."""
    c.JupyterHub.template_paths = [str(TEMPLATES)]
    c.JupyterHub.logo_file = str(LOGO)


def configure_logs(c: Config, settings: HubSettings) -> None:
    """Sign-ins, spawns and requests are told, in the form that the site chose; every renewed cookie isn't."""
    ensure_lines(settings.log_format)
    c.JupyterHub.logging_config = build_logging(settings.log_format)
    logging.getLogger("tornado.application").setLevel(logging.WARNING)


def load_additions(c: Config, settings: HubSettings) -> None:
    """The site's own additions, in the order of their names."""
    folder = settings.data / "jupyterhub_config.d"
    for path in sorted(folder.glob("*.py")):
        c.merge(PyFileConfigLoader(path.name, path=str(folder)).load_config())
