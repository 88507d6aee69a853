"""Extensions of Sphinx for the site, see `docs/conf.py`."""
