"""nbgrader in a grading server: the one offering that the spawner names."""

import os

# mypy: ignore-errors
c = get_config()  # noqa: F821

c.CourseDirectory.course_id = os.environ["BITGOEUL_OFFERING"]
c.CourseDirectory.root = os.environ["BITGOEUL_OFFERING_FOLDER"]
