"""What runs on a GPU node: looking at its cards and telling the portal. Needs no database and no hub."""
