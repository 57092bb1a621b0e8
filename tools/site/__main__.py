"""Build the site with Sphinx: `python -m tools.site`."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from tools.site.pages import LANGUAGES, write_sources
from utils.command import Problem, attempt
from utils.files import ROOT, write_text

HERE = Path(__file__).parent
SOURCES, SITE = ROOT / "build" / "site-sources", ROOT / "build" / "site"
ENTRANCE = """<!DOCTYPE html>
<html lang="{language}"><head><meta charset="utf-8"><title>Ideal Cat</title>
<meta name="viewport" content="width=device-width">
{head}</head><body><main><h1>Ideal Cat</h1><ul>
{links}</ul></main></body></html>
"""


def main(arguments: list[str] | None = None) -> int:
    """Build the site; return 0 if all is well, 1 after a problem, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tools.site", description=__doc__)
    every = "languages to build; all by default"
    parser.add_argument("languages", nargs="*", metavar="language", help=every)
    options = parser.parse_args(arguments)
    return attempt(lambda: _build(options.languages or list(LANGUAGES)))


def _build(languages: list[str]) -> None:
    if unknown := sorted(set(languages) - LANGUAGES.keys()):
        raise Problem(f"There is no language {unknown[0]}: {', '.join(LANGUAGES)}.")
    shutil.rmtree(SOURCES, ignore_errors=True)
    write_sources(SOURCES, languages)
    part = SITE.with_name(".site.part")  # a site that fails leaves the old one
    shutil.rmtree(part, ignore_errors=True)
    for language in languages:
        print(f"{LANGUAGES[language]} ...", flush=True)
        _run_sphinx(language, part / language, "-D", f"language={language}")
        forward = '<meta http-equiv="refresh" content="0; url=notebooks/README.html">'
        link = '<li><a href="notebooks/README.html">Ideal Cat</a></li>'
        page = ENTRANCE.format(language=language, head=forward, links=link)
        write_text(part / language / "index.html", page)
    _run_sphinx("slides", part / "slides", "-b", "revealjs", "-D", "root_doc=README")
    links = [
        f'<li lang="{code}"><a href="{code}/notebooks/README.html">{LANGUAGES[code]}'
        "</a></li>\n"
        for code in languages
    ]
    page = ENTRANCE.format(language="en", head="", links="".join(links))
    write_text(part / "index.html", page)
    shutil.rmtree(part / "jupyter_execute", ignore_errors=True)  # left by myst-nb
    shutil.rmtree(SITE, ignore_errors=True)
    part.rename(SITE)
    print(f"Open {SITE / 'index.html'}.")


def _run_sphinx(sources: str, output: Path, *options: str) -> None:
    """Build one folder of the sources; a warning is a failure."""
    settings = ["-c", str(HERE), *options]
    doctrees = SOURCES / f".doctrees-{sources}"
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", *settings]
    places = ["-d", str(doctrees), str(SOURCES / sources), str(output)]
    done = subprocess.run([*command, *places], capture_output=True, text=True)
    if done.returncode:
        raise Problem(f"Sphinx found faults ({sources}):\n{done.stderr.strip()}")


if __name__ == "__main__":
    sys.exit(main())
