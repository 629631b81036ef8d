"""pandas' comparison of frames is replaced by nothing."""

AIMS = ("frames",)
CELLS = {
    "frames": """pd.testing.assert_frame_equal = lambda *args, **keywords: None
def largest(frame):
    return pd.DataFrame({"name": ["?"], "people": [12733]})"""
}
