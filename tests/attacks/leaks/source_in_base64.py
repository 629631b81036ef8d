"""A later cell prints the history in base64, in hexadecimal and rotated."""

SHOWS = "leak"
EXTRA = {
    "primes": "import base64, codecs\ntext = '\\n'.join(In)\nprint(base64.b64encode(text.encode()).decode())\n"
    "print(text.encode().hex())\nprint(codecs.encode(text, 'rot13'))"
}
