"""The two public data sets of the paper: where they are, under which terms, what to cite.

The sizes and SHA-256 sums are not stated by the publishers; they are what several public projects
recorded, all alike:

* kvasir-seg.zip: `constantinpape/torch-em`, torch_em/data/datasets/medical/kvasir.py, and five
  other projects; the size is in the data card of one of them, beside the same sum.
* ISIC2018_Task1-2_Training_Input.zip and ISIC2018_Task1_Training_GroundTruth.zip: isic.py beside
  it and two acquisition records; the sizes are in one of these and in three download scripts.
"""

from __future__ import annotations

from dataclasses import dataclass

from crosslevel.errors import InputError, did_you_mean


@dataclass(frozen=True, slots=True)
class Archive:
    """One zip file of a data set.

    Attributes:
        url: Where the publisher serves it.
        folder: The only top folder in it that is unpacked.
        sha256: Its SHA-256 sum in hexadecimal.
        size: Its length in bytes.
    """

    url: str
    folder: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        """Name of the zip file, on every mirror too."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Source:
    """A public data set: where it is, under which terms, and what to cite."""

    name: str
    archives: tuple[Archive, ...]
    terms: str
    citation: str

    @property
    def notice(self) -> str:
        """What a user must read before the download starts."""
        gigabytes = sum(archive.size for archive in self.archives) / 1e9
        return f"{self.name} ({gigabytes:.2f} GB)\nTerms: {self.terms}\nCite: {self.citation}"


_ISIC = "https://isic-challenge-data.s3.amazonaws.com/2018/"

SOURCES: dict[str, Source] = {
    "kvasir-seg": Source(
        name="kvasir-seg",
        archives=(
            Archive(
                url="https://datasets.simula.no/downloads/kvasir-seg.zip",
                folder="Kvasir-SEG",
                sha256="03b30e21d584e04facf49397a2576738fd626815771afbbf788f74a7153478f7",
                size=46_227_172,
            ),
        ),
        terms="research and education only; any other use needs the written permission of Simula "
        "(https://datasets.simula.no/kvasir-seg/).",
        citation="Jha et al., Kvasir-SEG: A Segmented Polyp Dataset, MMM 2020, arXiv:1911.07069.",
    ),
    "isic2018": Source(
        name="isic2018",
        archives=(
            Archive(
                url=_ISIC + "ISIC2018_Task1-2_Training_Input.zip",
                folder="ISIC2018_Task1-2_Training_Input",
                sha256="80f98572347a2d7a376227fa9eb2e4f7459d317cb619865b8b9910c81446675f",
                size=11_165_358_566,
            ),
            Archive(
                url=_ISIC + "ISIC2018_Task1_Training_GroundTruth.zip",
                folder="ISIC2018_Task1_Training_GroundTruth",
                sha256="99f8b2bb3c4d6af483362010715f7e7d5d122d9f6c02cac0e0d15bef77c7604c",
                size=27_402_895,
            ),
        ),
        terms="CC BY-NC 4.0, no commercial use; check the terms of the challenge, which prevail "
        "(https://challenge.isic-archive.com/data/#2018).",
        citation="Codella et al., Skin Lesion Analysis Toward Melanoma Detection 2018, "
        "arXiv:1902.03368; Tschandl et al., The HAM10000 dataset, Sci. Data 5, 180161, 2018.",
    ),
}


def find_source(name: str) -> Source:
    """Look up a data set.

    Raises:
        InputError: If the name is unknown; lists the valid names and the nearest.

    Example:
        >>> find_source("kvasir-seg").archives[0].file_name
        'kvasir-seg.zip'
    """
    if name in SOURCES:
        return SOURCES[name]
    hint = did_you_mean(name.lower(), SOURCES, cutoff=0.4)
    raise InputError(f"Unknown data set {name!r}: choose from {', '.join(SOURCES)}.{hint}")
