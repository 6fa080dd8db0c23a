# make cc-2020   build the CommonCrawl shard (INPUT=… WARCS=… OUTPUT=… SET="a.b=1 c.d=2" WORKERS=… to change it)
# make wikipedia arxiv stackexchange books github c4   build another source in the same way
# make llama1    build all seven and mix them by LLaMA-1's proportions; llama2, llama3, codellama: later recipes
# make train     train the tiny model on the sample corpus, building that first if it is missing
#                (DATA=… CONFIG=… RUN=… STEPS=… SET=… to change it)
# make test      install what the tests need and run them all
# make check     ruff, mypy and the unit tests: the short loop
# make spark-up  start a Spark here (spark-down ends it; flink-up and flink-down likewise)
# make audit     look the pinned packages up in a database of vulnerabilities
# make lock      pin every package that tests need, with hashes
# make tools     build KenLM's lmplz and build_binary, for training models
PYTHON ?= python3.11
ifeq ($(shell command -v $(PYTHON)),)
PYTHON := python3
endif
VENV := .venv
BIN := $(VENV)/bin
INPUT ?=
WARCS ?=
SET ?=
WORKERS ?=
OUTPUT ?= corpus/$@
CONFIG ?= tiny
DATA ?= corpus/cc-2020
RUN ?= runs/$(notdir $(CONFIG:.yaml=))
STEPS ?=

TEST_WORKERS ?= 2

RECIPES := cc-2020 fineweb wikipedia arxiv stackexchange books github c4 c4-from-crawl llama1 llama2 llama3 codellama

.PHONY: $(RECIPES) train test audit check format tools bench lock clean spark-up spark-down flink-up flink-down
.DELETE_ON_ERROR:

$(RECIPES): $(VENV)/.package
	$(BIN)/curate build manifests/$@.yaml --output '$(OUTPUT)' $(if $(INPUT),--input '$(INPUT)') \
	  $(if $(WARCS),--warcs $(WARCS)) $(foreach setting,$(SET),--set '$(setting)') $(if $(WORKERS),--workers $(WORKERS))

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "curate needs Python 3.11 or later: set PYTHON=")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.package: pyproject.toml $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

# Each of these holds the one before it, and is installed in one go.
$(VENV)/.train: pyproject.toml $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[train]'
	@touch $(VENV)/.package $@

# Tests run on the locked versions, whose hashes are checked; where an index lacks one, on the newest that are allowed.
# Compiled as they are installed: where Python may not write bytecode, each of the tests' hundreds of processes would.
$(VENV)/.test: pyproject.toml .ci/requirements.lock $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --require-hashes -r .ci/requirements.lock || \
	  { echo 'a locked version cannot be had here: taking the newest'; \
	    $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,spark]'; }
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(VENV)/.package $(VENV)/.train $(VENV)/.cluster $@

lock: $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	  --extra test --extra spark pyproject.toml -o .ci/requirements.lock

train: $(VENV)/.train
	@[ -e '$(DATA)/tokens/manifest.json' ] || [ -e '$(DATA)/manifest.json' ] || [ '$(DATA)' != corpus/cc-2020 ] || \
	  $(MAKE) cc-2020 SET= OUTPUT=corpus/cc-2020
	$(BIN)/curate train --config '$(CONFIG)' --data '$(DATA)' --output '$(RUN)' $(if $(STEPS),--steps $(STEPS)) \
	  $(foreach setting,$(SET),--set '$(setting)')

test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder

# In an environment of its own: what audits is not what is audited.
audit: $(VENV)/.test
	$(PYTHON) -m venv $(VENV)/audit
	$(BIN)/uv pip install --quiet --python $(VENV)/audit/bin/python pip-audit || true
	$(VENV)/audit/bin/python .ci/audit

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -m 'not slow and not browser and not realdata'

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A Spark or Flink on this machine, in .cluster/, for `curate build … --runner SparkRunner …`; what to add is printed.
spark-up flink-up: $(VENV)/.cluster
	$(BIN)/python -m pipelines.cluster up $(@:-up=)

spark-down flink-down: $(VENV)/.package
	$(BIN)/python -m pipelines.cluster down $(@:-down=)

$(VENV)/.cluster: pyproject.toml $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[spark]'
	@touch $(VENV)/.package $@

tools: $(VENV)/.package
	$(BIN)/python -m curate.models.kenlm_tools

bench: $(VENV)/.test
	$(BIN)/python -m bench.pipeline
	$(BIN)/python -m bench.training

clean:
	rm -rf $(VENV) .cluster corpus runs build *.egg-info
