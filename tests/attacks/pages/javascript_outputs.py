"""Outputs in JavaScript, as a widget and as a vendor's type."""

SHOWS = "page"
CELLS = {
    "primes": """from IPython.display import Javascript, display
display(Javascript("pwned-4711"))
for kind in ("application/javascript", "text/javascript", "application/vnd.jupyter.widget-view+json",
    "text/vnd.mermaid",
             "application/vnd.bokehjs_exec.v0+json", "application/x-python", "text/html; charset=x", "application/pdf"):
    display({kind: "<script>pwned-4711</script>"}, raw=True)"""
}
