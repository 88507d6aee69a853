"""The tables of README, docs and results, made from `results/` by `make tables`.

A page holds a table between `<!-- table: NAME -->` and `<!-- end -->`; what it shows is a function
of that name in `contents`. A test fails if a page and its tables differ.
"""
