# Conveniences for contributors; users need none of them.
.PHONY: check test

check:  ## style and types
	ruff check .
	ruff format --check .
	mypy

test:
	pytest
