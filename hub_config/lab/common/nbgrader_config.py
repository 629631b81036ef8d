"""nbgrader in every server of the campus: assignments travel through the portal, under the server's own token."""

# mypy: ignore-errors
c = get_config()  # noqa: F821

c.ExchangeFactory.exchange = "grader.exchange.exchange.Exchange"
c.ExchangeFactory.fetch_assignment = "grader.exchange.fetch_assignment.ExchangeFetchAssignment"
c.ExchangeFactory.fetch_feedback = "grader.exchange.fetch_feedback.ExchangeFetchFeedback"
c.ExchangeFactory.release_assignment = "grader.exchange.release_assignment.ExchangeReleaseAssignment"
c.ExchangeFactory.release_feedback = "grader.exchange.release_feedback.ExchangeReleaseFeedback"
c.ExchangeFactory.list = "grader.exchange.list.ExchangeList"
c.ExchangeFactory.submit = "grader.exchange.submit.ExchangeSubmit"
c.ExchangeFactory.collect = "grader.exchange.collect.ExchangeCollect"
c.Authenticator.plugin_class = "grader.exchange.auth.PortalAuthPlugin"

# several courses in one home: ./<course>/<assignment>
c.Exchange.path_includes_course = True
