"""Outputs in Markdown and LaTeX with HTML in them."""

SHOWS = "page"
CELLS = {
    "primes": """from IPython.display import Latex, Markdown, Math, display
for text in ("<script>pwned-4711</script>", "[x](javascript:pwned-4711)", "![x](http://pwned-4711/)",
    "`</code><script>pwned-4711`"):
    display(Markdown(text))
display(Latex("$\\\\href{javascript:pwned-4711}{x}$ <script>pwned-4711</script>"))
display(Math("\\\\unicode{<script>pwned-4711</script>} \\\\style{background:url(//pwned-4711)}{x}"))"""
}
