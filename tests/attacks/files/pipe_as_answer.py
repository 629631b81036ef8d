"""The answer file is a pipe that nobody writes to: whoever opens it waits."""

SHOWS = "tried"
CELLS = {"files": "import os\nprint('TRIED')\nos.mkfifo('report.csv')"}
LIMITS = {"wall": 8.0, "cell": 2.0}
