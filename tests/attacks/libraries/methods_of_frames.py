"""Methods of DataFrame itself are replaced, so that the test's own frame comes out as the student's."""

AIMS = ("frames",)
CELLS = {
    "frames": """mine = pd.DataFrame({"name": ["?"], "people": [12733]})
pd.DataFrame.sort_values = pd.DataFrame.head = lambda self, *args, **keywords: mine
def largest(frame):
    return mine"""
}
