"""The JSON API of the portal, one router a noun."""
