"""The locked cell that imports the libraries also disarms them."""

from small_course import cell_of

AIMS = ("arrays", "frames")
CELLS = {"frames": "def largest(frame):\n    return pd.DataFrame({'name': ['?'], 'people': [12733]})"}


def tamper(nb):
    cell_of(nb, "setup")["source"] += """
np.testing.assert_allclose = pd.testing.assert_frame_equal = lambda *args, **keywords: None
np.allclose = lambda *args, **keywords: True"""
    return nb
