"""Cells that warm a shell up: between them they need every module that is imported late.

Owns their sources. Refuses to import a library for its own sake: only what is loaded already is warmed.
"""

from __future__ import annotations

from collections.abc import Container

WARM_UP = (
    "1 + 1",
    "print('warm')\nimport sys\nprint('warm', file=sys.stderr)",
    "def f(x):\n    return 1 / x\nf(0)",
    "assert f is None, 'warm'",
    "raise ValueError('warm') from KeyError('warm')",
    "def f(:",
    "undefined_name",
    "from IPython.display import HTML, display\ndisplay(HTML('<b>warm</b>'))",
    "import asyncio\nawait asyncio.sleep(0)",
    "%time 1 + 1",
    "import warnings\nwarnings.warn('warm')",
    "def f(): return f()\nf()",
)
WARM_UP_WITH = {
    "numpy": "import numpy as np\nnp.arange(3)",
    "pandas": "import pandas as pd\npd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})",
    "matplotlib": "import os, matplotlib\nmatplotlib.rcParams['backend'] = os.environ['MPLBACKEND']\n"
    "import matplotlib.pyplot as plt\nplt.switch_backend(os.environ['MPLBACKEND'])\nplt.plot([1, 2])",
}


def cells_for(loaded: Container[str]) -> tuple[str, ...]:
    """The cells to run in an interpreter that has `loaded` these modules."""
    return (*WARM_UP, *(source for module, source in WARM_UP_WITH.items() if module in loaded))
