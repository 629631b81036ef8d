"""The comparison functions of numpy are replaced by ones that accept everything."""

AIMS = ("arrays",)
CELLS = {
    "arrays": """np.testing.assert_allclose = lambda *args, **keywords: None
np.allclose = lambda *args, **keywords: True
def standardise(values):
    return values"""
}
