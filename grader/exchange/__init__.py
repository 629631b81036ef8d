"""nbgrader's exchange over HTTP: the plugin that runs in a learner's or instructor's server.

Imports only nbgrader, httpx and the standard library. This module imports nothing, so that the portal can use
`tarball` without nbgrader; the classes are `grader.exchange.submit.ExchangeSubmit` and so on.
"""
