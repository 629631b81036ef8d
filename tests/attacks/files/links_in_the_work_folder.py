"""The answer file is a link to a device without end, which a test would read."""

SHOWS = "tried"
CELLS = {"files": "import os\nprint('TRIED')\nos.symlink('/dev/zero', 'report.csv')"}
LIMITS = {"wall": 10.0, "cell": 3.0}
