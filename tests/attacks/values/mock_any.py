"""`unittest.mock.ANY`, which equals everything, and a MagicMock that has every attribute."""

AIMS = ("primes", "classes")
CELLS = {
    "primes": "from unittest.mock import ANY\ndef count_primes(n):\n    return ANY",
    "classes": """from unittest.mock import ANY, MagicMock
def Account(owner):
    made = MagicMock(balance=ANY, owner=ANY)
    made.__enter__.return_value = made
    made.__exit__.return_value = False
    return made""",
}
