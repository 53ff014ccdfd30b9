# `make demo` shows Foedus; `make test` proves it. Each sets up all it needs.
.PHONY: demo test bench lint docs assets lock clean
PY := .venv/bin/python
export PYTHONDONTWRITEBYTECODE := 1

demo:
	@tools/bootstrap.sh run
	@.venv/bin/foedus demo $(ARGS)

test:
	@tools/bootstrap.sh dev
	@tools/browser.sh
	@.venv/bin/lint-imports -q >/dev/null || .venv/bin/lint-imports
	@tools/test.sh $(ARGS)

lint:
	@tools/bootstrap.sh dev
	@.venv/bin/ruff check src tests benchmarks tools
	@.venv/bin/ruff format --check src tests benchmarks tools
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bench:
	@tools/bootstrap.sh dev
	@$(PY) benchmarks/run.py $(ARGS)

docs:
	@tools/bootstrap.sh docs
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build -q --strict && echo "the documentation is in site/index.html"

assets:
	@tools/assets.sh

lock:
	@tools/lock.sh

clean:
	rm -rf .venv .tools .bench site .pytest_cache .mypy_cache .ruff_cache .hypothesis
