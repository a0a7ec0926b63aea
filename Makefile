# Every target sets the project up first; when nothing changed that costs about a second.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help bootstrap demo run test soak contract extensions lint format bench constraints screenshots

BIN := .venv/bin

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

bootstrap: ## install whatever is missing (system packages, virtual environment)
	@scripts/bootstrap

demo: bootstrap ## start a controller with a fleet of virtual devices
	@$(BIN)/openwisp-controller demo

run: bootstrap ## start the controller
	@$(BIN)/openwisp-controller serve

test: bootstrap ## run all tests, on SQLite and on PostgreSQL + Redis
	@scripts/test

soak: bootstrap ## run thousands of random histories (HISTORIES=2000 STEPS=50)
	@HISTORIES=$${HISTORIES:-2000} STEPS=$${STEPS:-50} scripts/test --only sqlite tests/property

contract: bootstrap ## send whatever the description of the REST interface allows (EXAMPLES=30)
	@CONTRACT_EXAMPLES=$${EXAMPLES:-30} scripts/test --only sqlite tests/rest/test_schema.py

extensions: bootstrap ## run the tests of the field's packages against this controller
	@scripts/extensions

screenshots: bootstrap ## take the pictures of the documentation anew (docs/images)
	@scripts/screenshots

lint: bootstrap ## check style, types and import contracts
	@status=0; \
	$(BIN)/ruff check . || status=1; \
	$(BIN)/ruff format --check . || status=1; \
	$(BIN)/mypy || status=1; \
	$(BIN)/lint-imports || status=1; \
	exit $$status

format: bootstrap ## format the code and repair what ruff can repair
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: bootstrap ## run the benchmarks
	@$(BIN)/python -m benchmarks

constraints: bootstrap ## write constraints.txt anew from the virtual environment
	@scripts/constraints
