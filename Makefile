# make demo: the main job on the embedded synthetic data.   make test: the tests.   make test-long: wide sweeps.
# make app: the web app and its server at localhost:8000, over the demo's bundle, which is made where there is none.
# All create .venv and install into it where that has not been done.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WEB := skintag/serving/web
STATIC := skintag/serving/static/index.html
RUNS := runs/multi_balanced
PORT ?= 8000
NPM := command -v npm > /dev/null || { echo "the web app is built with Node 20.19 or newer, which is not here: install it" \
	"(https://nodejs.org, or your system's packages nodejs and npm), or install a built wheel instead" >&2; exit 1; }

.PHONY: install demo app has-node web bundle find-bundle space test test-long test-space sbom lint format clean

install: $(READY)

$(READY): pyproject.toml requirements/lock.txt
	@echo "installing into $(VENV): some minutes and 7.5 GB, the first time"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/lock.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: $(READY)
	$(BIN)/skintag train experiment=multi_balanced profile=demo

app: has-node $(READY) $(STATIC) bundle
	@echo "the app is at http://localhost:$(PORT) once it says serving; Ctrl-C ends it"
	$(BIN)/skintag serve bundle="$$($(MAKE) --silent find-bundle)" port=$(PORT)

# first of all, for what comes next takes minutes
has-node:
	@test -e $(STATIC) || $(NPM)

web: $(STATIC)

# everything that the web app is built from; it needs Node, and nobody else does
$(STATIC): $(shell find $(WEB) skintag/serving/texts skintag/serving/quality.json -type f \
		-not -path '*/node_modules/*' -not -path '*/test-results/*' -not -name schema.d.ts 2> /dev/null)
	@$(NPM)
	cd $(WEB) && npm ci --no-audit --no-fund && npm run build
	touch $@

# the newest bundle of the demo that a phone can run too; nothing where there is none
find-bundle:
	@ls -d $(RUNS)/*/bundle_onnx_half/model/resize.onnx 2> /dev/null | sort | tail -n 1 | sed 's#/model/resize.onnx$$##'

bundle: $(READY)
	@if [ -z "$$($(MAKE) --silent find-bundle)" ]; then \
		ls $(RUNS)/*/metrics.json > /dev/null 2>&1 || \
			$(BIN)/skintag train experiment=multi_balanced profile=demo || exit 1; \
		run="$$(dirname "$$(ls $(RUNS)/*/metrics.json | sort | tail -n 1)")"; \
		$(BIN)/skintag bundle build run="$$run" runtime=onnx_half; \
	fi

# a folder for a Hugging Face Space: make space bundle=<folder or zip>
space: $(READY)
	test -n "$(bundle)" || { echo "name a bundle: make space bundle=<folder or zip>" >&2; exit 1; }
	rm -rf build/space && mkdir -p build/space
	cp space/README.md space/app.py space/requirements.txt LICENSE build/space
	$(BIN)/python .ci/space.py "$(bundle)" build/space

# the Gradio app wants other versions than constraints.txt has, so its tests have an environment of their own
test-space:
	test -x build/space-venv/bin/python || $(PYTHON) -m venv build/space-venv
	build/space-venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement space/requirements.txt \
		$$(grep -E '^(onnx|pytest|hypothesis)==' constraints.txt)
	build/space-venv/bin/python -m pytest tests/serving/test_space.py tests/serving/test_cards.py

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m "not long"

test-long: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m long

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	test ! -x $(BIN)/zizmor || $(BIN)/zizmor --offline --quiet .github/workflows
	test ! -x $(BIN)/hadolint || $(BIN)/hadolint Dockerfile Dockerfile.gpu

# What is installed, as CycloneDX, and its licences as a table; fails at a licence that nobody has looked at.
sbom: $(READY)
	mkdir -p build
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --mc-type library --output-reproducible \
		--output-file build/sbom.json $(BIN)/python
	$(BIN)/python .ci/licences.py build/sbom.json > build/licences.md

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis data/raw/synthetic data/prepared/synthetic
