"""Settings of Sphinx; tools.site says the language and the folders."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

project, author = "Ideal Cat", "the Ideal Cat authors"
project_copyright = author
extensions = ["myst_nb", "sphinx_revealjs", "tools.site.extension"]
root_doc = "notebooks/README"
exclude_patterns = ["_files"]
html_theme, html_title = "furo", "Ideal Cat"
html_static_path = ["static"]
html_css_files, html_js_files = ["site.css"], ["quiz.js"]
templates_path = ["templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "languages.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_copy_source = html_show_sourcelink = html_show_sphinx = False
html_math_renderer = "mathml"
nb_execution_mode = "off"
revealjs_style_theme = "white"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 6
suppress_warnings = ["mystnb.unknown_mime_type"]  # the results, beside their HTML
