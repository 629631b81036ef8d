"""Who learns what, when: people, cohorts, offerings, memberships, rosters, and their reflection in the hub."""
