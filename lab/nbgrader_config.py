"""Settings of nbgrader, which it reads when it is called in this folder."""

from pathlib import Path

c = get_config()  # noqa: F821 - nbgrader puts it there
c.CourseDirectory.root = str(Path(__file__).parent)
c.CourseDirectory.course_id = "ideal-cat"
