"""Whatever a file, a message or a record holds, it costs one submission at most."""

from tests.bench.fuzz import KINDS, fuzz


def test_damaged_content_of_every_kind_is_read_or_refused():
    counts = fuzz(400)
    assert sum(counts.values()) == 400
    for kind in KINDS:  # the damage is neither too small nor too great
        assert counts[kind.__name__, "read"] > 5
        assert counts[kind.__name__, "refused"] > 5
