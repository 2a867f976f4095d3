# Start with `make run`; `make help` lists all targets. ARGS are passed to the command: make test ARGS="-k sandbox"
.DEFAULT_GOAL := help
.PHONY: help setup run test test-postgres check format coverage bench load soak faults attacks pages directories

PYTHON_IN := .venv/bin/python
STEP := @.ci/step
ARGS ?=
# Some containers set this variable. Empty it, so that modules are compiled once and not by each process of the tests.
export PYTHONDONTWRITEBYTECODE :=

help: ## List what make can do here
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 22

setup: ## Install what Rollcall needs and bring the database up to date
	@.ci/setup run

run: ## Start everything with demo data and print the address (DEMO=0 starts empty, PORT=8080 moves it)
	@.ci/setup run
	@exec $(PYTHON_IN) manage.py serve $(ARGS)

test: ## Run all tests
	@.ci/setup test
	@$(PYTHON_IN) -m pytest $(ARGS)

test-postgres: ## Run the tests that use the database on a separate PostgreSQL server
	@.ci/setup test
	@.ci/with-postgres $(PYTHON_IN) -m pytest --only-db $(ARGS)

# The hooks in .pre-commit-config.yaml are the same steps: a test compares the two lists.
check: ## Lint, types, layers, templates, known vulnerabilities, migrations
	@.ci/setup test
	$(STEP) "Ruff: rules" $(PYTHON_IN) -m ruff check .
	$(STEP) "Ruff: layout" $(PYTHON_IN) -m ruff format --check .
	$(STEP) "Mypy: types" $(PYTHON_IN) -m mypy
	$(STEP) "Import Linter: layers" .venv/bin/lint-imports
	$(STEP) "djLint: templates" $(PYTHON_IN) -m djlint templates --lint --quiet
	$(STEP) "Pages: templates, style sheets, scripts" $(PYTHON_IN) .ci/check_pages.py
	$(STEP) "Modules: first lines, folders, class names, retired words" $(PYTHON_IN) .ci/check_house.py
	$(STEP) "Known vulnerabilities" .ci/audit
	$(STEP) "Django: configuration" $(PYTHON_IN) manage.py check --settings tests.settings --fail-level WARNING
	$(STEP) "Django: migrations are complete" $(PYTHON_IN) manage.py makemigrations --settings tests.settings --check --dry-run

format: ## Format the code
	@.ci/setup test
	@$(PYTHON_IN) -m ruff check --fix .
	@$(PYTHON_IN) -m ruff format .

coverage: ## Run all tests and list the lines and branches that no test reaches
	@.ci/setup test
	@$(PYTHON_IN) -m pytest --cov --cov-report term-missing:skip-covered --cov-report html $(ARGS)

faults: ## Try every fault on SQLite and PostgreSQL and write the table in docs/reliability.md
	@.ci/setup test
	@.ci/catalogue faults $(ARGS)

attacks: ## Try every hostile script, request, upload and setting and write the tables in docs/reliability.md
	@.ci/setup test
	@.ci/catalogue attacks $(ARGS)

pages: ## Try every page in a browser, light and dark, wide and narrow
	@.ci/setup test
	@$(PYTHON_IN) -m pytest tests/browser -m "" $(ARGS)

directories: ## Try every change and random histories on Samba AD, 389-ds and OpenLDAP, and write docs/directories.md
	@.ci/setup test
	@.ci/directories $(ARGS)

load: ## Have 50 browsers work during syncs of 20,000 users, on SQLite and PostgreSQL, and write docs/reliability.md
	@.ci/setup test
	@.ci/load $(ARGS)

soak: ## Have runs, people and faults come one after the other for SOAK_MINUTES=25 on PostgreSQL, and write docs/reliability.md
	@.ci/setup test
	@.ci/soak $(ARGS)

bench: ## Measure speed and write docs/speed.md (QUICK=1 tries it out, USERS=20000, MILLION=1, ARGS="--only reading")
	@.ci/setup bench
	@$(PYTHON_IN) -m tests.bench $(ARGS)
