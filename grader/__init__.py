"""Work handed out and marked: exchange, submissions, sandbox, scoring, feedback."""
