"""Objects whose representations in every type are scripts, and lie about being lists."""

SHOWS = "page"
CELLS = {
    "primes": """class Shown:
    def _repr_html_(self):
        return "<script>pwned-4711</script>"
    def _repr_markdown_(self):
        return "<img src=x onerror=pwned-4711>"
    def _repr_mimebundle_(self, include=None, exclude=None):
        data = {"text/html": ["<scr", "ipt>pwned-4711</scr", "ipt>"], "text/plain": "<b onclick=pwned-4711>"}
        data |= {"application/json": {"a": ["<script>pwned-4711</script>"]}, "<script>": "pwned-4711"}
        return data, {"text/html": {"isolated": True}}
def count_primes(n):
    return Shown()
display(pd.DataFrame({"<script>pwned-4711</script>": ["<img src=x onerror=pwned-4711>"]}).style)
Shown()"""
}
