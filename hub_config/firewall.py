"""The fence around labs on one engine, put into this machine's iptables. Needs root (NET_ADMIN) in its network.

    python -m hub_config.firewall apply      put the rules in; again and again is the same as once
    python -m hub_config.firewall watch      and again whenever something is missing, until it is ended
    python -m hub_config.firewall check      say what is missing; exit status 1 where something is
    python -m hub_config.firewall remove     take them out
    python -m hub_config.firewall show       print them

Docker never empties DOCKER-USER, so they survive a restart of the engine; they do not survive one of the machine, or
another program that fills iptables anew, hence `watch`. Needs no engine, no secret, and no network to be there yet.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from hub_config.environment import Environment, SettingsError
from hub_config.firewall_rules import Fence, Rule, chains_of, restore_text
from hub_config.lab_network import read_lab_network
from hub_config.lab_settings import read_campus

#: Docker asks this chain before its own
DOCKER_CHAIN = "DOCKER-USER"
#: a machine has one of them in use, and a rule in the other is one beside the point
VARIANTS = ("iptables", "iptables-nft", "iptables-legacy")
WATCH_SECONDS = 5
#: packets between two ports of a bridge pass iptables only where this is 1
BRIDGE_SWITCHES = (
    Path("/proc/sys/net/bridge/bridge-nf-call-iptables"),
    Path("/proc/sys/net/bridge/bridge-nf-call-ip6tables"),
)


class FirewallError(Exception):
    """The fence can't be put up; the message says why and what to do."""


@dataclass(frozen=True)
class Iptables:
    """One variant of iptables, and what it says."""

    command: str

    def run(self, *arguments: str, text: str | None = None, suffix: str = "") -> subprocess.CompletedProcess[str]:
        command = [self.command + suffix, *arguments]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)

    def do(self, *arguments: str, text: str | None = None, suffix: str = "") -> str:
        done = self.run(*arguments, text=text, suffix=suffix)
        if done.returncode:
            raise FirewallError(f"{self.command}{suffix} {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout

    def chain(self, name: str) -> list[str] | None:
        """The rules of a chain as `-A` lines without the chain; None where there is no such chain."""
        listed = self.run("--wait", "-S", name)
        if listed.returncode:
            return None
        prefix = f"-A {name} "
        return [line.removeprefix(prefix) for line in listed.stdout.splitlines() if line.startswith(prefix)]


def find_iptables() -> Iptables:
    """The variant that Docker uses here: the one that has its chain."""
    there = [name for name in VARIANTS if shutil.which(name)]
    if not there:
        raise FirewallError("There is no iptables here. Install it: apt-get install iptables")
    for name in there:
        if Iptables(name).chain(DOCKER_CHAIN) is not None:
            return Iptables(name)
    refusal = Iptables(there[0]).run("--wait", "-S").stderr.strip()
    raise FirewallError(
        f"No chain {DOCKER_CHAIN} was found with {', '.join(there)}. Start Docker with iptables on, and run this as "
        f"root in the machine's own network{f' ({refusal})' if refusal else ''}."
    )


def apply(tables: Iptables, fence: Fence) -> None:
    """Put the rules in: the chains in one step, then the jumps to them, first in line."""
    _switch_the_bridge_on()
    tables.do("--wait", "--noflush", text=restore_text(fence), suffix="-restore")
    for chain, jumps in _jumps(fence).items():
        if not _begins_with(tables, chain, jumps):
            for jump in reversed(jumps):
                _delete(tables, chain, jump)
                tables.do("--wait", "-I", chain, "1", *jump)
    for six in _six(tables):
        for chain in ("INPUT", "FORWARD"):
            if six.run("--wait", "-C", chain, *_six_rule(fence)).returncode:
                six.do("--wait", "-I", chain, "1", *_six_rule(fence))


def check(tables: Iptables, fence: Fence) -> list[str]:
    """What is missing, a sentence each; nothing where the fence stands."""
    missing = [
        f"{path} is not 1, so packets between labs pass no rule; run: modprobe br_netfilter && sysctl -w "
        f"net.bridge.{path.name}=1"
        for path in BRIDGE_SWITCHES
        if not path.exists() or path.read_text().strip() != "1"
    ]
    for chain, rules in chains_of(fence).items():
        found = tables.chain(chain)
        if found is None or [_words(line) for line in found] != [_words(" ".join(rule)) for rule in rules]:
            missing.append(f"The chain {chain} is not as the settings say.")
    for chain, jumps in _jumps(fence).items():
        if not _begins_with(tables, chain, jumps):
            missing.append(f"{chain} does not begin with the jump to {jumps[0][-1]}.")
    for six in _six(tables):
        for chain in ("INPUT", "FORWARD"):
            if six.run("--wait", "-C", chain, *_six_rule(fence)).returncode:
                missing.append(f"IPv6 of {fence.bridge} is not refused in {chain}.")
    return missing


def remove(tables: Iptables, fence: Fence) -> None:
    """Take everything out again; what isn't there is no fault."""
    for chain, jumps in _jumps(fence).items():
        for jump in jumps:
            _delete(tables, chain, jump)
    for chain in chains_of(fence):
        tables.run("--wait", "-F", chain)
        tables.run("--wait", "-X", chain)
    for six in _six(tables):
        for chain in ("INPUT", "FORWARD"):
            _delete(six, chain, _six_rule(fence))


def _jumps(fence: Fence) -> dict[str, list[Rule]]:
    return {
        DOCKER_CHAIN: [
            ("-i", fence.bridge, "-j", fence.forward_chain),
            ("-o", fence.bridge, "-j", fence.into_chain),
        ],
        "INPUT": [("-i", fence.bridge, "-j", fence.input_chain)],
    }


def _begins_with(tables: Iptables, chain: str, rules: list[Rule]) -> bool:
    return (tables.chain(chain) or [])[: len(rules)] == [" ".join(rule) for rule in rules]


def _delete(tables: Iptables, chain: str, rule: Rule) -> None:
    while tables.run("--wait", "-D", chain, *rule).returncode == 0:
        pass


def _six(tables: Iptables) -> list[Iptables]:
    """The same variant for IPv6, where the machine has IPv6."""
    command = tables.command.replace("iptables", "ip6tables")
    return [Iptables(command)] if Path("/proc/net/if_inet6").exists() and shutil.which(command) else []


def _six_rule(fence: Fence) -> Rule:
    return ("-i", fence.bridge, "-j", "DROP")


def _words(rule: str) -> list[str]:
    """A rule's words, however iptables writes them: in its order, an address with its /32."""
    return sorted(
        word.removesuffix("/32") for word in rule.replace("RELATED,ESTABLISHED", "ESTABLISHED,RELATED").split()
    )


def _switch_the_bridge_on() -> None:
    if not BRIDGE_SWITCHES[0].exists() and shutil.which("modprobe"):
        subprocess.run(["modprobe", "br_netfilter"], check=False, capture_output=True, timeout=60)
    for path in BRIDGE_SWITCHES:
        try:
            if path.read_text().strip() != "1":
                path.write_text("1")
        except OSError as error:
            raise FirewallError(
                f"{path} can't be set to 1 ({error.strerror}); without it, packets between labs pass no rule. Run on "
                f"the machine itself: modprobe br_netfilter && sysctl -w net.bridge.{path.name}=1"
            ) from error


def read_fence(environ: dict[str, str]) -> Fence:
    """The fence that the campus's settings ask for."""
    env = Environment(environ)
    return read_lab_network(
        env,
        campus=read_campus(env),
        hub_api_url=env.url("HUB_API_URL", "http://127.0.0.1:8081/hub/api"),
        portal_url=env.url("PORTAL_URL", "http://127.0.0.1:8010/services/portal"),
    ).fence


def watch(tables: Iptables, fence: Fence, ended: threading.Event) -> None:
    """Put the rules in, and in again whenever something is missing."""
    while True:
        try:
            if missing := check(tables, fence):
                _say(" ".join(missing))
                apply(tables, fence)
                _say("The fence around the labs stands.")
        except (FirewallError, OSError, subprocess.SubprocessError) as error:
            _say(str(error))
        if ended.wait(WATCH_SECONDS):
            return


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    verb = arguments[0] if len(arguments) == 1 else ""
    if verb not in ("apply", "watch", "check", "remove", "show"):
        sys.stderr.write(__doc__ or "")
        return 2
    try:
        fence = read_fence(dict(os.environ))
        if verb == "show":
            _say(restore_text(fence))
            return 0
        tables = find_iptables()
        if verb == "apply":
            apply(tables, fence)
        elif verb == "remove":
            remove(tables, fence)
        elif verb == "watch":
            ended = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: ended.set())
            watch(tables, fence, ended)
        elif missing := check(tables, fence):
            sys.stderr.write("\n".join([*missing, "Put it right: python -m hub_config.firewall apply", ""]))
            return 1
    except (SettingsError, FirewallError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
