"""Submitted files that Python, pytest and IPython read when they start."""

SHOWS = "tried"
PAYLOAD = b"print('BREACH: read at start')\nimport sys; sys.stderr.write('BREACH: read at start')\n"
NAMES = (
    *("sitecustomize.py", "usercustomize.py", "conftest.py", "ipython_config.py", "ipython_kernel_config.py"),
    *("profile_default/startup/00.py", ".ipython/profile_default/startup/00.py", "jupyter_config.py"),
    *(".jupyter/jupyter_config.py", "IPython/__init__.py", "ipykernel/__init__.py", "encodings/__init__.py"),
    *("nbgrader_config.py", "grader/__init__.py", "courses/__init__.py", "runner.py", "inside.py"),
)
FILES = dict.fromkeys(NAMES, PAYLOAD)
FILES |= {"evil.pth": b"import sys; sys.stderr.write('BREACH')\n", "matplotlibrc": b"backend: module://evil\n"}
CELLS = {"primes": "print('TRIED')"}
