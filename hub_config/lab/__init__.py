"""People's servers: how they are configured (the folders) and started (the modules). Runs in them, not in the hub."""
