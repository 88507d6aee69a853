import pytest

from crosslevel.annotate.tabs import OtherTabError, Tabs


def test_tabs__one_works_and_the_next_one_when_it_is_gone():
    tabs = Tabs()
    tabs.connect("first")
    tabs.connect("second")
    tabs.check("first")
    with pytest.raises(OtherTabError, match="open in another tab"):
        tabs.check("second")
    tabs.take_over("second")
    tabs.check("second")
    tabs.disconnect("second")
    tabs.check("first")
