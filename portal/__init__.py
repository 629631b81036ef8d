"""The face of the campus: one web application (pages and API) and the `bitgoeul` command."""
