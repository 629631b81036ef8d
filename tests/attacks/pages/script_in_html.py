"""An output in HTML with a script, handlers, frames and styles."""

SHOWS = "page"
CELLS = {
    "primes": """from IPython.display import HTML, display
for text in ("<script>pwned-4711</script>", "<img src=x onerror='pwned-4711'>", "<body onload=pwned-4711>",
             "<iframe srcdoc='<script>pwned-4711</script>'></iframe>", "<a href='javascript:pwned-4711'>x</a>",
             "<style>@import 'http://pwned-4711'</style>", "<p style='background:url(http://pwned-4711)'>x</p>",
             "<form action='http://pwned-4711'><button formaction='javascript:pwned-4711'>x</button></form>",
             "<base href='http://pwned-4711/'>", "<meta http-equiv=refresh content='0;url=http://pwned-4711'>",
             "<object data='data:text/html,<script>pwned-4711</script>'></object>", "<embed src=//pwned-4711>",
             "<link rel=stylesheet href=//pwned-4711>", "<video src=x onerror=pwned-4711></video>"):
    display(HTML(text))"""
}
