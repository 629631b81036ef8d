"""A later cell prints the test before it from the input history."""

SHOWS = "leak"
EXTRA = {"primes": "print(In[-2])\nprint(get_ipython().history_manager.input_hist_raw[-2])"}
