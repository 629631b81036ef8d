"""Two interpreters that act as one: test cells run on the judge side, a student's cells on the work side."""
