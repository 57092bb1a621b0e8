"""Compare the submissions of a class: what a person should look at, and no verdict."""

from collections import Counter, defaultdict
from itertools import combinations
from statistics import median

from lab.grading.record import Record

CHANCE = 1e-4  # how rarely an honest submission would be listed
ABOVE = 0.05  # of accuracy: what lies less above others has many reasons
SPREADS = 4  # robust standard deviations of the class, if that is more
FEWEST = 50  # withheld pictures, below which equal predictions say nothing
CLASS = 8  # submissions with predictions, from which on they say what is usual
FEW = 3  # equal predictions: more come from a recipe that all were given
EQUAL, DIFFERENT = 3, 1  # answers of two submissions: at least, at most


def with_comparisons(records: list[Record]) -> list[Record]:
    """Add flags that only the whole class can tell.

    Parameters
    ----------
    records : list of Record

    Returns
    -------
    list of Record
        In the same order.
    """
    found = defaultdict(list)
    for compare in (_own_validation, _the_class, _equal_predictions, _equal_sources):
        for name, said in compare(records):
            found[name].append(said)
    return [each._replace(flags=[*each.flags, *found[each.name]]) for each in records]


def _shown(record: Record) -> int:
    """Return how many withheld pictures a record is about."""
    answered = record.guesses or record.right
    return record.asked if answered and record.asked >= FEWEST else 0


def _own_validation(records):
    from scipy.stats import fisher_exact

    for record in records:
        (right, all_of), asked = record.probes, _shown(record)
        if not asked or not all_of:
            continue
        own, there = right / all_of, record.right / asked
        table = [[record.right, asked - record.right], [right, all_of - right]]
        chance = fisher_exact(table, alternative="greater").pvalue
        if there - own > ABOVE and chance < CHANCE:
            yield (
                record.name,
                f"right on {there:.0%} of the withheld pictures, but on {own:.0%} of "
                "those whose breeds students know: was something looked up?",
            )


def _the_class(records):
    from scipy.stats import binomtest

    rights = {r.name: (r.right, n) for r in records if (n := _shown(r))}
    if len(rights) < CLASS:
        return
    shares = [right / asked for right, asked in rights.values()]
    usual = median(shares)
    spread = 1.4826 * median(abs(share - usual) for share in shares)
    for name, (right, asked) in rights.items():
        chance = binomtest(right, asked, usual, alternative="greater").pvalue
        far = right / asked - usual > max(ABOVE, SPREADS * spread)
        if far and chance < CHANCE:
            yield name, f"right on {right / asked:.0%}, the class on {usual:.0%}"


def _equal_predictions(records):
    groups = defaultdict(list)
    for record in records:
        if record.guesses and _shown(record):
            groups[record.guesses].append(record)
    for group in groups.values():
        if 1 < len(group) <= max(FEW, len(records) // 10):
            for record in group:
                yield record.name, f"the same predictions as {_others(record, group)}"


def _equal_sources(records):
    copies = defaultdict(list)
    for one, other in combinations(records, 2):
        ids = one.sources.keys() & other.sources.keys()
        equal = Counter(one.sources[id] == other.sources[id] for id in ids)
        if equal[True] >= EQUAL and equal[False] <= DIFFERENT:
            copies[one.name] += [other]
            copies[other.name] += [one]
    for name, group in copies.items():
        record = next(each for each in records if each.name == name)
        said = "the same code, but for names and comments, as"
        yield name, f"{said} {_others(record, group)}"


def _others(record: Record, group) -> str:
    names = [each.student for each in group if each is not record]
    return ", ".join(names[:5])
