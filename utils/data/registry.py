"""The published archives of pictures: where they are, and how to know them."""

from pathlib import Path
from typing import NamedTuple

import pooch


class Archive(NamedTuple):
    """A published archive, and how to know it."""

    file: str
    urls: tuple[str, ...]  # mirrors, in the order in which they are asked
    size: int  # bytes
    hash: str  # "sha256:..." or another algorithm of hashlib
    licence: str
    folder: str  # what it leaves in the data folder
    home: str  # page for people

    def mismatch(self, path: Path) -> str:
        """Return how a file differs from the published archive; "" if it does not."""
        size = path.stat().st_size
        if size != self.size:
            return f"has {size:,} bytes instead of {self.size:,}"
        algorithm, _, published = self.hash.partition(":")
        found = pooch.file_hash(path, alg=algorithm)
        if found != published:
            return f"has the {algorithm} {found} instead of {published}"
        return ""


def _pets(part, size, sha256):
    """Describe one of the two archives of the Oxford-IIIT Pet dataset."""
    file, oxford = f"{part}.tar.gz", "https://www.robots.ox.ac.uk/~vgg/data/pets"
    return Archive(
        file=file,
        urls=(
            f"https://thor.robots.ox.ac.uk/~vgg/data/pets/{file}",
            f"{oxford}/data/{file}",
            f"https://thor.robots.ox.ac.uk/pets/{file}",
        ),
        # tensorflow/datasets, datasets/oxford_iiit_pet/checksums.tsv
        size=size,
        hash=f"sha256:{sha256}",
        licence="CC BY-SA 4.0",
        folder=f"oxford-iiit-pet/{part}",
        home=f"{oxford}/",
    )


# Where each size and hash is published, and checked a second time: data/README.md.
ARCHIVES = {
    "cats-vs-dogs": Archive(
        file="kagglecatsanddogs_5340.zip",
        urls=(
            "https://download.microsoft.com/download/3/E/1/"
            "3E1C3F21-ECDB-4869-8368-6DEBA77B919F/kagglecatsanddogs_5340.zip",
        ),
        # huggingface/datasets, datasets/cats_vs_dogs/dataset_infos.json
        size=824_887_076,
        hash="sha256:b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9",
        licence="CDLA-Permissive-2.0",
        folder="PetImages",
        home="https://www.microsoft.com/en-us/download/details.aspx?id=54765",
    ),
    "pets-images": _pets(
        "images",
        size=791_918_971,
        sha256="67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
    ),
    "pets-annotations": _pets(
        "annotations",
        size=19_173_078,
        sha256="52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
    ),
}
