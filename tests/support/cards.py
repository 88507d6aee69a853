"""What the cards of methods and pretext tasks have to say."""

import inspect
import re


def choose_it(found: type) -> str:
    """Return the paragraph of a class's docstring that says when to choose it, or ""."""
    text = inspect.getdoc(found) or ""
    match = re.search(r"\n\n(Choose it .{20,}?\.)(?:\n\n|$)", text, re.DOTALL)
    return match[1] if match else ""
