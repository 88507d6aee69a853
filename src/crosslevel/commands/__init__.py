"""One module for each command: `EXAMPLE`, `configure(parser)` for its options, `run(arguments)`.

Nothing heavy is imported before `run`, so `--help` and wrong options answer at once.
"""
