"""How the project's published figures are made: `python -m benchmarks` lists the commands.

measuring.py    what the benchmarks measure with: photos, RD points, seconds
pages.py        how a result is kept as JSON, and its tables and plots derived from that
losses.py       where we lose: a page of docs/
numbers.py      the short tables of README.md and docs/
publish.py      every page, README.md and the model cards from the results that are kept
"""
