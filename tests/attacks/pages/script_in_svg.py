"""An SVG picture with a script, a handler, foreign HTML and a link."""

SHOWS = "page"
CELLS = {
    "primes": """from IPython.display import SVG, display
display(SVG("<svg xmlns='http://www.w3.org/2000/svg' onload='pwned-4711'><script>pwned-4711</script></svg>"))
display({"image/svg+xml": "<svg><a xlink:href='javascript:pwned-4711'><text>x</text></a><foreignObject>"
                          "<iframe src='javascript:pwned-4711'/></foreignObject></svg>"}, raw=True)"""
}
