"""A later cell shows a picture whose bytes carry the history."""

SHOWS = "leak"
EXTRA = {
    "primes": """import struct, zlib
from IPython.display import Image, display
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
held = chunk(b"tEXt", b"Comment\\0" + "\\n".join(In).encode())
pixel = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)) + held + chunk(b"IDAT", zlib.compress(b"\\0\\0"))
display(Image(b"\\x89PNG\\r\\n\\x1a\\n" + pixel + chunk(b"IEND", b"")))"""
}
