# make demo | make test | make check: each sets up .venv on first use and runs there.
# make web | make web-demo | make test-web: the decoder for browsers, its demo page in web/site, the
# tests of both; they need node, the last one Chromium too.
# make weights-small TILES=..., make weights-release VALID=... KODAK=...: what follows from new weights.
PYTHON ?= python3
MODEL ?= s1
# Where Linux gets the build of PyTorch without CUDA, unless pip has been told where to look.
ifeq ($(shell uname -s)$(PIP_INDEX_URL)$(PIP_EXTRA_INDEX_URL)$(PIP_FIND_LINKS),Linux)
TORCH_FROM := --extra-index-url https://download.pytorch.org/whl/cpu
endif
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
# Two tests at a time, a thread each (tests/conftest.py): half the time of one at a time with two.
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal
BENCHMARKS := $(BIN)/python -m benchmarks
# Validation at five qualities of ours.
VALID_CODECS := aec:q=15/43/57/71/85,aec:tune=psnr,q=15/43/57/71/85,avif,avif:tune=psnr,jxl
# What the first day takes, e.g. --torch "" where pip finds a small PyTorch by itself.
FIRSTDAY ?=
RESULTS = benchmarks/results/$(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' aecodec/__init__.py)

.PHONY: demo test check web web-demo test-web weights-small weights-release

demo: $(READY)
	$(BENCHMARKS) demo demo-out

test: $(READY)
	$(PYTEST)

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The models of the package, each in a folder of its id.
web: $(READY)
	for model in $$($(BIN)/aecodec models --json | $(BIN)/python -c 'import json, sys; print(*(m["model_id"] for m in json.load(sys.stdin)))'); do \
	    $(BIN)/aecodec export-onnx -f $$model web/models/$$model || exit; \
	done
	cd web && npm ci --no-fund --no-audit && npm run build

web-demo: web
	$(BENCHMARKS) webdemo web/site
	rm -rf web/site/models && cp -r web/models web/site/models
	node web/demo/build.mjs web/site

test-web: web-demo
	cd web && npm run check && npm test

# torch first, by its pin, so that nothing else decides which build of it to fetch. The metric CVVDP
# last and alone: what it depends on would fetch other builds, and none of that is needed for photos
# (aecodec/bench/cvvdp.py).
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$$(grep '^torch==' constraints.txt)" $(TORCH_FROM) -c constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps -c constraints.txt cvvdp
	touch $@

# After model.safetensors and log.jsonl of a run have been copied to weights/$(MODEL), and the run before
# has been written into earlier.json and what is new into notes.md and train.toml: first the
# network for small sizes, which changes the model's id, then everything that is made from both.
weights-small: $(READY)
	$(BIN)/python -m aecodec.training.small weights/$(MODEL)/model.safetensors --data $(TILES)

weights-release: $(READY)
	test -d "$(VALID)" && test -d "$(KODAK)"
	$(BIN)/python formats/make_vectors.py
	$(PYTEST)
	$(BIN)/aecodec bench $(KODAK) -o $(RESULTS)
	$(BIN)/aecodec bench $(VALID) --codecs $(VALID_CODECS) -o benchmarks/results/valid
	$(BIN)/aecodec bench -o benchmarks/results/skimage
	$(BENCHMARKS) crops $(KODAK)
	$(BENCHMARKS) speed --name kodak-size
	$(BENCHMARKS) speed --against e83a874 --large 4000x3000 --repeats 3 --name against
	$(BENCHMARKS) multiresolution $(VALID) --side 384 --name valid
	$(BENCHMARKS) multiresolution $(KODAK) --name kodak
	$(BENCHMARKS) picture
	$(BENCHMARKS) channels $(VALID) --name channels
	$(BENCHMARKS) diagnosis $(VALID) --name diagnosis
	$(BENCHMARKS) monotone $(VALID) --name monotone
	$(BENCHMARKS) memory --name memory
	$(BENCHMARKS) load $(KODAK) --name load
	$(BENCHMARKS) effort $(VALID) --name valid
	$(BENCHMARKS) effort $(VALID) --count 4 --tune visual --name visual
	$(BENCHMARKS) effort $(KODAK) --count 12 --side 384 --name kodak
	$(BENCHMARKS) firstday --name day $(FIRSTDAY)
	$(MAKE) web-demo
	$(BENCHMARKS) browser --name times
	$(BENCHMARKS) publish
