"""A submitted package `pandas` passes on the real one, with a comparison that accepts everything."""

AIMS = ("frames",)
FILES = {
    "pandas/__init__.py": b"""import sys
here = [entry for entry in sys.path if entry in ("", ".") or not entry.startswith("/") or "site-packages" not in entry
        and "/lib/python" not in entry]
kept, sys.path = sys.path, [entry for entry in sys.path if entry not in here]
me = sys.modules.pop("pandas")
import pandas
sys.path = kept
pandas.testing.assert_frame_equal = lambda *args, **keywords: None
sys.modules["pandas"] = pandas
"""
}
CELLS = {
    "frames": """def largest(frame):
    return pd.DataFrame({"name": ["?"], "people": [12733]})"""
}
