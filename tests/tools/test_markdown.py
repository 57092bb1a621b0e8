"""Markdown is cut at its headings, and read as GitHub shows it."""

from tests.content.anchors import anchors
from tools.markdown import prose, render, sections

TEXT = """Before the title.

# Cats
<!-- of 0123456789ab -->

Prose with `# no heading`.

```sh
# no heading
```

    # no heading

> ## A heading in a quotation opens no section

<!--
# no heading
-->
Dogs *and* more
---

### Last ###
"""


def test_a_text_is_cut_at_its_headings_only():
    cut = sections(TEXT)
    assert [(s.line, s.level, s.title) for s in cut] == [
        (3, 1, "Cats"),
        (19, 2, "Dogs *and* more"),
        (22, 3, "Last"),
    ]
    assert cut[1].heading == ["Dogs *and* more", "---"]
    assert "\n".join(section.text for section in cut) == TEXT.partition("title.\n\n")[2]


def test_prose_has_words_only():
    page = render(
        "# Cats\n\nA **cat**, `code` and a [link](cat.md). ![A dog](dog.png)\n\n"
        "```\nmore code\n```\n\n<details>\n<summary>Folded</summary>\n\nanswer\n\n"
        "</details>\n<!-- comment -->\n\n| a |\n| - |\n| b |\n"
    )
    words = "Cats A cat , and a link . A dog Folded answer a b"
    assert prose(page).split() == words.split()
    assert page.find("code"), "the page was changed"


def test_anchors_are_those_of_github():
    titles = "What's new, *here*?", "1 `fit_head` – fast", "Η κεφαλή", "Cats", "Cats"
    text = "\n\n".join(f"## {title}" for title in titles)
    assert anchors(text) == [
        "whats-new-here",
        "1-fit_head--fast",
        "η-κεφαλή",
        "cats",
        "cats-1",
    ]
