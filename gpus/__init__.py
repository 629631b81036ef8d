"""Who holds which GPU slice: inventory, leases, queue, reservations, usage."""
