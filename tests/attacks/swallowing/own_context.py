"""A student's context manager swallows the assertions of the test's `with` block."""

AIMS = ("classes",)
CELLS = {
    "classes": """class Account:
    def __init__(self, owner):
        self.owner, self.balance = owner, 0
    def deposit(self, amount):
        self.balance += amount
    def __enter__(self):
        return None
    def __exit__(self, *error):
        return True"""
}
