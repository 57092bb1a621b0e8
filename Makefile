# The commands of the course; README.md has plain lines for people without make.
PYTHON ?= python3
VENV_PYTHON = .venv/bin/python
# More words for JupyterLab, as in: make jupyter JUPYTER=--no-browser
JUPYTER ?=
# JupyterLab starts as root only if told so; in a container there may be nobody else.
ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: run test jupyter report figures bench lab translations site .venv create install

run: .venv
	@$(VENV_PYTHON) -m tools.run

test: .venv
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	COURSE_OFFLINE=1 $(VENV_PYTHON) -m pytest
	COURSE_OFFLINE=1 COURSE_DATA=sample $(VENV_PYTHON) -m pytest --nbval-lax --nbval-current-env notebooks

jupyter: .venv
	$(VENV_PYTHON) -m jupyterlab --LabApp.default_url=/lab/tree/notebooks/README.md \
	  --LabApp.app_settings_dir="$(CURDIR)/.jupyter" $(ROOT) $(JUPYTER)

report: .venv
	@$(VENV_PYTHON) -m tools.run --report

figures: .venv
	@$(VENV_PYTHON) -m tools.figures

bench: .venv
	@COURSE_OFFLINE=1 $(VENV_PYTHON) -m tests.bench.speed

# nbgrader looks for alembic beside it on the path.
lab: .venv
	cd lab && PATH="$(CURDIR)/.venv/bin:$$PATH" ../$(VENV_PYTHON) -m nbgrader generate_assignment pets --no-db --force

site: .venv
	@$(VENV_PYTHON) -m tools.site

translations: .venv
	@$(VENV_PYTHON) -m tools.translations

# .venv/.requirements is a copy of the requirements that were installed to the end.
.venv:
	@cat requirements.txt .constraints.txt | cmp -s - .venv/.requirements && $(VENV_PYTHON) -c "" 2>/dev/null \
	  || $(MAKE) --no-print-directory install

install:
	@rm -f .venv/.requirements
	@$(VENV_PYTHON) -m pip --version >/dev/null 2>&1 || $(MAKE) --no-print-directory create
	$(VENV_PYTHON) -m pip install --requirement requirements.txt
	@cat requirements.txt .constraints.txt > .venv/.requirements.part
	@mv .venv/.requirements.part .venv/.requirements

create:
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "There is no $(PYTHON) here. Install Python 3.12, or name yours: make PYTHON=path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))" || { \
	  echo "The course needs Python 3.11, 3.12 or 3.13 (TensorFlow is not made for later ones yet); $(PYTHON) is another. Name one: make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c "import venv, ensurepip" 2>/dev/null || { \
	  echo "$(PYTHON) lacks its venv module. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	"$(PYTHON)" -m venv --clear .venv
