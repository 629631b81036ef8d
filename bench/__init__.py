"""Side-by-side measurements on this machine: `make bench`, or `python -m bench NAME...`."""
