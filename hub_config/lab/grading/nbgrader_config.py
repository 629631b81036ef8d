"""nbgrader in a grading server: the one offering that the spawner names."""

import os

# mypy: ignore-errors
c = get_config()  # noqa: F821

c.CourseDirectory.course_id = os.environ["BITGOEUL_OFFERING"]
c.CourseDirectory.root = os.environ["BITGOEUL_OFFERING_FOLDER"]

# formgrader shows what students' code printed, in a page that carries its reader's session: no scripts in it
c.HTMLExporter.sanitize_html = True
