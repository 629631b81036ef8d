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
    "import sys\nlimit = sys.getrecursionlimit()\ndef f(): return f()\ntry:\n    sys.setrecursionlimit(250)\n    f()\n"
    "finally:\n    sys.setrecursionlimit(limit)",  # a full thousand frames would take more than a second to format
)
WARM_UP_WITH = {
    "numpy": "import numpy as np\nnp.arange(3)\n"
    "np.testing.assert_allclose(np.random.default_rng(1).normal(size=3) * 0, 0)",
    "pandas": "import pandas as pd\npd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})\n"
    "frame = pd.read_csv(__import__('io').StringIO('a,b\\n1,x\\n2,y'))\nframe.describe()\n"
    "frame.groupby('b').a.sum().sort_values()\nframe.merge(frame, on='b').pivot_table(index='b')\n"
    "pd.testing.assert_frame_equal(frame, frame)",
    "matplotlib": "import os, matplotlib\nmatplotlib.rcParams['backend'] = os.environ['MPLBACKEND']\n"
    "import matplotlib.pyplot as plt\nplt.switch_backend(os.environ['MPLBACKEND'])\nplt.plot([1, 2])",
    "scipy": "from scipy import optimize, stats",
    "sklearn": "from sklearn import cluster, compose, datasets, decomposition, ensemble, impute, linear_model\n"
    "from sklearn import metrics, model_selection, neighbors, pipeline, preprocessing, svm, tree\n"
    "linear_model.LinearRegression().fit([[1], [2]], [1, 2])",
}


def cells_for(loaded: Container[str]) -> tuple[str, ...]:
    """The cells to run in an interpreter that has `loaded` these modules."""
    return (*WARM_UP, *(source for module, source in WARM_UP_WITH.items() if module in loaded))
