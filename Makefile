# Needs Python 3.11 or newer and make; everything else is installed into .venv from the lock files.
#
#   make run     start the daemon on config/ as shipped, with a mail catcher: read your first digest in a browser
#   make test    run every test                       make check   ruff, mypy, import rules, unit tests 
#   make bench   measure what docs/performance.md says
#   make crash-test  kill it 50 times while it sends 20,000 mails, as docs/reliability.md says
#   make lock    renew the lock files                   make clean   forget .venv

PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$name >/dev/null 2>&1 && $$name -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$name; break; }; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input
CONFIG ?= config
# Tests wait for servers and processes half of the time: two for each core.
WORKERS ?= $(shell echo $$((2 * $$(nproc 2>/dev/null || echo 2))))

.PHONY: run test bounce-corpus check bench crash-test docs languages pictures lock clean
.DELETE_ON_ERROR:

run: .venv/installed
	@$(BIN)/newsletter --config $(CONFIG) run

# Hundreds of processes start in the tests; each would compile the program for itself where this is set.
test check: export PYTHONDONTWRITEBYTECODE =

test: .venv/installed-for-tests bounce-corpus
	$(BIN)/python -m pytest -q -n $(WORKERS)

check: .venv/installed-for-tests
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -n auto tests/unit tests/architecture

bench: .venv/installed-for-tests
	$(BIN)/python -m tests.bench

# Kill it again and again while it sends, and account for every mail.
crash-test: .venv/installed-for-tests
	$(BIN)/python -m tests.crash

# Real returned mails, which come with the source package of flufl.bounce (Apache 2.0); read, never built or installed.
CORPUS := .venv/bounce-corpus/flufl_bounce-6.0.0.tar.gz
CORPUS_HASH := a1df16b9d1877ae4536f7d76c00d8421fcefbe694f80f5285d05c45a2547b1bc

bounce-corpus: $(CORPUS)

$(CORPUS): | .venv/installed-for-tests
	@mkdir -p $(@D)
	@echo 'flufl.bounce==6.0.0 --hash=sha256:$(CORPUS_HASH)' > $(@D)/requirements.txt
	@$(PIP) download --require-hashes --no-deps --no-binary :all: --no-build-isolation --dest $(@D) --requirement $(@D)/requirements.txt

# What is generated from the code; a test fails when it is not current.
docs: .venv/installed-for-tests
	$(BIN)/python -m newsletter.settings.reference > docs/configuration.md
	$(BIN)/python -m newsletter.cli.reference > docs/commands.md

# Puts new texts into the catalogues, takes out those that are gone, and says what is to be translated.
languages: .venv/installed
	$(BIN)/python -m newsletter.languages.extraction

# The pictures of the README and of docs/gallery.md, taken with the system's Chromium.
pictures: .venv/installed-for-tests
	$(BIN)/python -m tests.support.pictures
	$(BIN)/python -m tests.support.adminpictures

lock: .venv/installed-for-tests
	$(PIP) install uv
	for extra in build test; do \
		case $$extra in build) file=requirements.lock;; test) file=requirements-dev.lock;; esac; \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			--no-header --no-annotate --extra $$extra pyproject.toml --output-file $$file; done

clean:
	rm -rf .venv

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "newsletter needs Python 3.11 or newer with venv (on Debian: apt install python3-venv)"; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python requirements.lock pyproject.toml
	@echo "Installing into .venv from requirements.lock (once; about half a minute) ..."
	@$(PIP) install --require-hashes --requirement requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-for-tests: .venv/installed requirements-dev.lock
	@echo "Installing what the tests need from requirements-dev.lock (once) ..."
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@touch $@
