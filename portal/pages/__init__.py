"""Pages of the portal, one module a kind of person."""
