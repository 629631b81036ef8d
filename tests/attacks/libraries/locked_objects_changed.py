"""The frame that a locked cell has read, and the tests compare with, is changed in place."""

AIMS = ("frames",)
CELLS = {
    "frames": """cities.drop(index=[0, 2], inplace=True)
cities.loc[1, "people"] = 12733
def largest(frame):
    return frame.reset_index(drop=True)"""
}
