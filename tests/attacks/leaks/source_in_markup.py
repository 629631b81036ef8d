"""A later cell shows the history as HTML, Markdown, LaTeX and JSON, split by tags."""

SHOWS = "leak"
EXTRA = {
    "primes": """from IPython.display import HTML, JSON, Latex, Markdown, display
text = " ".join(In)
split = "".join(f"<b>{letter}</b>" for letter in text)
for shown in (HTML(split), HTML(f"<p title='{text}'>x</p>"), Markdown("**".join(text)), Latex(text),
    JSON({"a": text.split()})):
    display(shown)"""
}
