"""Commands of `bitgoeul`, one module a noun."""
