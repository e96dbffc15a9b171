# Conveniences for contributors; users need none of them.
.PHONY: check test

check:  ## style, types, and the direction of imports
	ruff check .
	ruff format --check .
	mypy
	lint-imports

test:
	pytest
