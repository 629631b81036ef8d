"""The hub of the campus: settings in, hub_config applied. Local additions belong in DATA/jupyterhub_config.d/*.py."""

import os

from hub_config.configure import configure
from hub_config.settings import read_settings

c = get_config()  # noqa: F821

settings = read_settings(os.environ)
configure(c, settings)
