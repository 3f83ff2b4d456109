# Every target makes the environment it needs, and makes it again when pyproject.toml changes.
PYTHON ?= python3
BIN := .venv/bin
CORE := .venv/.core-installed
DEV := .venv/.dev-installed
BENCH := .venv-bench/.installed
PEERS := torch==2.13.0 neuraloperator==2.0.0 scikit-learn statsmodels
ORACLE := .venv-oracle/.installed
# neural-tangents runs on no later jax, and that jax on no later Python than 3.12.
ORACLE_PYTHON ?= python3.11
ORACLE_NEEDS := jax==0.4.23 jaxlib==0.4.23 "numpy<2" "scipy<1.13" frozendict==2.5.1

.PHONY: demo test check lint docs bench bench-kernels bench-evidence reproduce

demo: $(CORE)
	$(BIN)/python examples/demo.py

test: $(DEV)
	$(BIN)/python -m pytest -n 2 --dist loadscope

check: $(DEV)
	$(BIN)/python -m pytest -n 2 --dist loadscope -m "not slow"

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

docs: $(DEV)
	$(BIN)/mkdocs build --strict

bench: $(BENCH)
	.venv-bench/bin/python benchmarks/fno_speed.py

bench-kernels: $(CORE) $(ORACLE)
	$(BIN)/python benchmarks/kernels.py --record

bench-evidence: $(BENCH)
	.venv-bench/bin/python benchmarks/evidence.py
	.venv-bench/bin/python benchmarks/tuning.py

reproduce: $(DEV)
	$(BIN)/riesz reproduce --all
	$(BIN)/python benchmarks/accuracy.py
	$(BIN)/python benchmarks/scattered.py
	$(BIN)/python benchmarks/coverage.py
	$(BIN)/python benchmarks/burgers.py
	$(BIN)/python benchmarks/darcy.py
	$(BIN)/python benchmarks/layers.py
	$(BIN)/python benchmarks/empirical.py
	$(BIN)/python benchmarks/gaussian_process.py
	$(BIN)/python benchmarks/wide_operators.py
	$(BIN)/python benchmarks/readme.py
	$(BIN)/python -m pytest tests/papers/test_claims.py
	$(BIN)/python -m pytest -m slow

$(CORE): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -e ".[io]"
	touch $@

$(DEV): $(CORE)
	$(BIN)/python -m pip install -q -e ".[test,docs]"
	touch $@

$(BENCH): pyproject.toml
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install -q -e . $(PEERS)
	touch $@

$(ORACLE):
	$(ORACLE_PYTHON) -m venv .venv-oracle
	.venv-oracle/bin/python -m pip install -q $(ORACLE_NEEDS)
	.venv-oracle/bin/python -m pip install -q --no-deps neural-tangents==0.6.5
	touch $@
