"""How JupyterHub is set up: settings, sign-in, spawners, roles, services."""
