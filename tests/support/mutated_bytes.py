"""Bytes of valid files, mutated, and what reading them may end in."""

from hypothesis import strategies as st

from crosslevel.errors import CrosslevelError

EDITS = st.lists(
    st.tuples(st.integers(0, 2**16), st.binary(max_size=4), st.integers(0, 6)), max_size=4
)


@st.composite
def mutated(draw, valid):
    """Bytes of a valid file, cut, overwritten and spliced at a few places."""
    content = draw(st.sampled_from(valid))
    for place, inserted, removed in draw(EDITS):
        start = place % (len(content) + 1)
        content = content[:start] + inserted + content[start + removed :]
    return content[: draw(st.integers(len(content) // 2, len(content)))]


def answers(read, *arguments):
    """Call a reader; only our own errors may come out of it, and they name something."""
    try:
        return read(*arguments)
    except CrosslevelError as error:
        message = str(error)
    assert message
    return None
