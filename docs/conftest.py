"""The examples of the pages are doctests."""

import matplotlib as mpl

mpl.use("Agg")
collect_ignore = ["_build", "notebooks", "reference/generated"]
collect_ignore_glob = ["*.py"]
