"""A cell announces the orderly end of the run on all channels, before the tests come."""

SHOWS = "tried"
CELLS = {
    "primes": """import json, os, struct
print("TRIED")
for number in range(1, 64):
    for text in ('{"end": "finished"}', '{"op": "end"}', '{"ready": true}'):
        data = text.encode()
        try:
            os.set_blocking(number, False)
            os.write(number, data + b"\\n")
            os.write(number, struct.pack(">I", len(data)) + data)
        except OSError:
            break"""
}
