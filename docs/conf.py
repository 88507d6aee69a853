"""How Sphinx makes the site: `make docs`. Pages are the Markdown files as they lie here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the extension beside this file

from importlib.metadata import version as version_of

project = "Crosslevel"
author = "The Crosslevel authors"
copyright = author
version = release = version_of("crosslevel")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "docs.site.navigation",
    "docs.site.sources",
]
default_role = "code"
root_doc = "README"
include_patterns = [
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"),
    *("docs/*.md", "docs/*/*.md", "results/*.md", "results/*/*.md"),
]
myst_heading_anchors = 4
myst_url_schemes = ["http", "https", "source"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"

html_theme = "furo"
html_static_path = ["site/static"]
html_js_files = ["accessible.js"]
html_title = f"Crosslevel {version}"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}
