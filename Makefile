# The commands of daily work. `make` alone lists them.

# Another virtual environment is named on the command line alone, `make run VENV=/somewhere/else`:
# a variable of that name in the environment belongs to somebody else.
VENV := .venv
override BIN := "$(VENV)/bin"
export VENV

.DEFAULT_GOAL := help
.PHONY: help run setup check test bench soak lint types imports format requirements upgrade migration clean venv dev

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

run: setup ## Install what is missing, bring the database up to date, serve the product
	@exec $(BIN)/python app.py

setup: venv ## Bring the database up to date: tables, plans, first administrator
	@$(BIN)/python setup_subscriptions.py

check: dev ## Check a commit in two minutes: lint, types, import contracts, the fast tests
	@scripts/test.sh --fast $(ARGS)

test: dev ## Check everything: lint, types, import contracts, all tests (ARGS="tests/credits -k reset")
	@scripts/test.sh $(ARGS)

soak: dev ## Check for hours what `make test` checks for minutes
	@scripts/soak.sh

bench: dev ## Measure how fast the engine is beside the database itself (ARGS="--rows 100000")
	@$(BIN)/python -m benchmarks $(ARGS)

lint: dev ## Check style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: dev ## Check types
	@$(BIN)/mypy

imports: dev ## Check that imports go down only
	@$(BIN)/lint-imports

format: dev ## Put the code in order
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

requirements: dev ## Pin and hash the requirements anew after editing a .in file
	@scripts/requirements.sh

upgrade: dev ## The same, with the newest releases that fit
	@scripts/requirements.sh --upgrade

migration: dev ## Write the migration that the tables ask for (WHY="plans have prices")
	@$(BIN)/python -m scripts.new_migration "$(WHY)"

clean: ## Remove what tools made; data and settings stay
	@scripts/venv.sh --remove
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv:
	@scripts/venv.sh requirements.txt

dev:
	@scripts/venv.sh requirements-dev.txt
