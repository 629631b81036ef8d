"""Pictures whose data is not a picture but the end of an attribute."""

SHOWS = "page"
CELLS = {
    "primes": """from IPython.display import display
for kind in ("image/png", "image/jpeg", "image/gif", "image/svg+xml"):
    display({kind: "x' onerror='pwned-4711"}, raw=True)
    display({kind: 'x"><script>pwned-4711</script>'}, raw=True)
    display({kind: "AAAA"}, raw=True, metadata={kind: {"width": "1' onload='pwned-4711",
        "alt": "\\"><script>pwned-4711</script>"}})"""
}
