"""A later cell raises an error whose name and message are words of the history."""

SHOWS = "leak"
EXTRA = {
    "primes": "text = ' '.join(In).replace(' ', '_')\nraise type(text[-400:], (Exception,), {})(text.replace('_', '+'))"
}
