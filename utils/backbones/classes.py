"""The 1000 classes of ImageNet, in the order of the logits."""

from functools import cache, partial

from utils.checks import class_number
from utils.files import package_file

# Two words of WordNet name two ImageNet classes each.
HOMONYMS = {134: "crane (bird)", 517: "crane (machine)", 639: "tank suit"}


@cache
def imagenet_classes() -> list[str]:
    """List the 1000 ImageNet classes in the order of the logits.

    Returns
    -------
    list of str
        The first WordNet lemma of each class, all different; from the lists that the
        package timm ships.
    """
    # Read as files: importing timm would import PyTorch and its compiler.
    of_timm = partial(package_file, "timm", "timm")
    lemma_list = of_timm("data/_info/imagenet_synset_to_lemma.txt").read_text("utf-8")
    lemmas = dict(line.split("\t") for line in lemma_list.splitlines())
    synsets = of_timm("data/_info/imagenet_synsets.txt").read_text("utf-8").split()
    names = [lemmas[synset].split(",")[0] for synset in synsets]
    return [HOMONYMS.get(k, name) for k, name in enumerate(names)]


def find_class(name: str) -> int:
    """Find an ImageNet class by its name.

    Parameters
    ----------
    name : str
        As in `imagenet_classes`; capitals do not matter.

    Returns
    -------
    int
        Its place among the logits, 0 to 999.

    Raises
    ------
    ValueError
        If there is no such class; the message has the five nearest names.
    """
    return class_number(name, imagenet_classes())
