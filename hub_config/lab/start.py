"""Starts a person's server, as jupyterhub-singleuser does: `bitgoeul-lab`, or `python -P -s -m hub_config.lab.start`.

It is JupyterHub's own server with its own settings, started without the modules that a person's server never uses, or
not before somebody asks for them. Where that can't be done, jupyterhub-singleuser itself is started, and says so.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from pathlib import Path

from hub_config.lab.deferred import DeferredCall, DeferredCoroutine, Names, defer, load

FALLBACK = "bitgoeul-lab: the quick start failed, starting jupyterhub-singleuser instead."


class NeverMade(Exception):
    """Stands in for a class of the hub's, of which a person's server makes no instance. For isinstance and except."""


DEFERRED: Names = {
    # The hub's side of JupyterHub: its database, its pages. A server's side imports them for a name or two.
    "jupyterhub.singleuser": {},
    "jupyterhub.handlers": {},
    "jupyterhub.handlers.pages": {"HealthCheckHandler": NeverMade},
    "jupyterhub.orm": {},
    "jupyterhub.roles": {},
    "sqlalchemy": {},
    "sqlalchemy.exc": {"SQLAlchemyError": NeverMade},
    # Talking to the hub begins when the server listens already.
    "jupyterhub.httpclient": {"fetch": DeferredCoroutine("jupyterhub.httpclient", "fetch")},
    "aiohttp": {},
    # Installing extensions of JupyterLab is switched off (extension_manager), lists of blocked ones aren't used.
    "jupyterlab.extensions.pypi": {
        "PyPIExtensionManager": DeferredCall("jupyterlab.extensions.pypi", "PyPIExtensionManager")
    },
    "requests": {},
    # JupyterLab asks it for the names of languages when the page is built.
    "babel": {},
}
#: What jsonschema checks web addresses and durations with. To import the first costs 1.6 s: it parses a grammar. No
#: schema of a server asks for such checks, and jsonschema does without a package that is missing.
MISSING = ("rfc3987_syntax", "rfc3986_validator", "isoduration")
NO_PROGRAMS = "/nonexistent"


def main() -> None:
    """Start the server that JupyterHub's environment variables describe; ends with it."""
    try:
        prepare()
        server = import_module("hub_config.lab.server").CampusServer
    except Exception as error:
        start_plainly(error)
    server.launch_instance()
    import_module("hub_config.lab.ending").end_tasks()


def prepare() -> None:
    """Whatever has to be done before JupyterHub and JupyterLab are imported."""
    gc.disable()  # what is made now stays; CampusServer enables it again
    for name in MISSING:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    defer(DEFERRED)
    # JupyterLab asks Node, where there is one, for the registry to build itself from; nobody builds it here (1 s)
    path = os.environ.get("PATH", "")
    os.environ["PATH"] = NO_PROGRAMS
    try:
        load("jupyterlab.labapp")
    finally:
        os.environ["PATH"] = path


def start_plainly(error: Exception) -> None:
    """Become jupyterhub-singleuser. Never returns."""
    sys.stderr.write(f"{FALLBACK} {error.__class__.__name__}: {error}\n")
    sys.stderr.flush()
    program = Path(sys.executable).parent / "jupyterhub-singleuser"
    os.execv(sys.executable, [sys.executable, "-s", str(program), *sys.argv[1:]])


if __name__ == "__main__":
    main()
