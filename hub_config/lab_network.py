"""The labs' network as the site wants it: its settings, and the fence that follows from them. Holds no secret."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address, ip_network
from urllib.parse import urlsplit

from hub_config.environment import PREFIX, Environment, SettingsError
from hub_config.firewall_rules import Destination, Fence, campus_addresses, read_destination

#: names of network interfaces are 15 characters at most
BRIDGE_LIMIT = 15


@dataclass(frozen=True)
class LabNetwork:
    """Where labs are, how they reach hub and portal, and what else they may reach."""

    name: str
    subnet: IPv4Network
    hub_url: str
    portal_url: str
    internet: bool
    allowed: tuple[Destination, ...]
    dns: tuple[str, ...]

    @property
    def bridge(self) -> str:
        """The bridge behind the network has the network's name."""
        return self.name

    @property
    def fence(self) -> Fence:
        """Hub and portal stand at the campus's own addresses on the labs' network, or elsewhere under an address."""
        ports: list[int] = []
        elsewhere: list[Destination] = []
        for url in (self.hub_url, self.portal_url):
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            try:
                address = ip_address(parts.hostname or "")
            except ValueError:  # the name of one of the campus's own containers
                ports.append(port)
                continue
            if address in campus_addresses(self.subnet):
                ports.append(port)
            else:
                elsewhere.append(Destination(IPv4Network(str(address)), port))
        resolvers = [
            Destination(IPv4Network(server), 53, protocol) for server in self.dns for protocol in ("udp", "tcp")
        ]
        return Fence(
            bridge=self.bridge,
            subnet=self.subnet,
            ports=tuple(dict.fromkeys(ports)),
            allowed=(*elsewhere, *resolvers, *self.allowed),
            internet=self.internet,
        )


def read_lab_network(env: Environment, *, campus: str, hub_api_url: str, portal_url: str) -> LabNetwork:
    """Settings of the labs' network; labs use the addresses that the hub uses, unless they are told others."""
    name = env.text("LAB_NETWORK", f"{campus[: BRIDGE_LIMIT - 5]}-labs")
    if len(name) > BRIDGE_LIMIT:
        raise SettingsError(
            f"{PREFIX}LAB_NETWORK is {name!r}; the bridge behind it has its name, so it has "
            f"{BRIDGE_LIMIT} characters at most."
        )
    return LabNetwork(
        name=name,
        subnet=_subnet(env),
        hub_url=env.url("LAB_HUB_URL", hub_api_url.removesuffix("/hub/api")),
        portal_url=env.url("LAB_PORTAL_URL", portal_url),
        internet=env.flag("LAB_INTERNET"),
        allowed=tuple(_destination(text) for text in env.names("LAB_ALLOW")),
        dns=tuple(_resolver(text) for text in env.names("LAB_DNS")),
    )


def _subnet(env: Environment) -> IPv4Network:
    text = env.text("LAB_SUBNET", "10.213.0.0/16")
    try:
        network = ip_network(text)
    except ValueError:
        network = None
    if not isinstance(network, IPv4Network) or network.prefixlen > 22:
        raise SettingsError(
            f"{PREFIX}LAB_SUBNET is {text!r}; it must be an IPv4 network of 1024 addresses or more, as 10.213.0.0/16."
        )
    return network


def _destination(text: str) -> Destination:
    try:
        return read_destination(text)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}LAB_ALLOW has {text!r}; {error}.") from None


def _resolver(text: str) -> str:
    try:
        return str(IPv4Network(text).network_address)
    except ValueError:
        raise SettingsError(f"{PREFIX}LAB_DNS has {text!r}; name the IPv4 addresses of resolvers.") from None
