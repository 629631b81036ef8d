"""What is taught: the catalogue of tracks, courses and assignments, and their content in nbgrader's format."""
