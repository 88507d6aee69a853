import pytest

from crosslevel.data.public.sources import SOURCES, find_source
from crosslevel.errors import InputError


@pytest.mark.parametrize("name", ["kvasir-seg", "isic2018"])
def test_sources__say_terms_and_citation(name):
    source = find_source(name)
    assert source.name == name
    assert source.terms in source.notice
    assert source.citation in source.notice
    for archive in source.archives:
        assert archive.url.startswith("https://")
        assert len(bytes.fromhex(archive.sha256)) == 32


def test_sources__have_one_folder_for_each_archive():
    for source in SOURCES.values():
        assert len({archive.folder for archive in source.archives}) == len(source.archives)


def test_find_source__unknown_name_is_answered_with_the_nearest():
    with pytest.raises(InputError, match=r"kvasir-seg, isic2018. Did you mean 'kvasir-seg'\?"):
        find_source("Kvasir")
