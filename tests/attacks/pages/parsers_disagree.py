"""HTML that one parser takes for text and another for a script: comments, templates, foreign content."""

SHOWS = "page"
CELLS = {
    "primes": """from IPython.display import HTML, display
for text in (
             "<noscript><p title='</noscript><img src=x onerror=pwned-4711>'></noscript>",
    "<math><mtext><table><mglyph><style><img src=x onerror=pwned-4711></style></mglyph></table></mtext></math>",
             "<svg><style><img src=x onerror=pwned-4711></style></svg>", "<!--><img src=x onerror=pwned-4711>-->",
             "<template><script>pwned-4711</script></template>", "<xmp><img src=x onerror=pwned-4711></xmp>",
             "<textarea><img title='</textarea><img src=x onerror=pwned-4711>'></textarea>",
                 "<<script>pwned-4711<</script>",
             "<plaintext><script>pwned-4711</script>", "<p title=`onmouseover=pwned-4711`>",
                 "</pre></div><script>pwned-4711",
             "<select><style></select><img src=x onerror=pwned-4711></style>",
                 "<a href='java\\tscript:pwned-4711'>x</a>",
             "<a href=' &#x6a;avascript:pwned-4711'>x</a>", "<img src='data:text/html,pwned-4711'>",
                 "<title></title><script>"):
    display(HTML(text))"""
}
