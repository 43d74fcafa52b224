PYTHON ?= python3
PORT ?= 8000
export PORT

.PHONY: run setup setup-dev test library gpu-check image-check chaos soak bench check audit screenshots clean

run: setup ## the whole desk on http://localhost:$(PORT)/
	@exec .venv/bin/python manage.py serve

setup: .venv/.ready ## the virtual environment in .venv

.venv/.ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	$(if $(PIP_INDEX_TORCH),.venv/bin/python -m pip install --quiet --disable-pip-version-check --index-url $(PIP_INDEX_TORCH) $$(grep '^torch==' requirements.txt))
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

setup-dev: .venv/.ready-dev

.venv/.ready-dev: requirements.txt requirements-dev.txt
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch .venv/.ready $@

test: setup-dev ## the whole suite; says in its first lines which database and broker it uses
	.venv/bin/python -m pytest -n 2

gpu-check: setup-dev ## what needs a CUDA device: the same answers as on the CPU, training, and the speed as JSON
	.venv/bin/python -m pytest -m gpu tests
	.venv/bin/python -m classifier bench --device cuda

image-check: setup-dev ## the container image, built without Docker, and each of its processes; needs root, buildah and mmdebstrap
	.venv/bin/python -m pytest -rs -k compose tests/test_docker.py
	.venv/bin/python -m pytest -rs -m image tests/test_image.py

soak: setup ## half an hour of mixed load, with the memory of each process every minute
	.venv/bin/python manage.py migrate --verbosity 0
	.venv/bin/python manage.py soak

chaos: setup-dev ## real workers killed, poisoned, deafened: is anything lost or done twice?
	.venv/bin/python -m pytest -m slow tests/faults -v

# The library of SNID-SAGE 0.8.0 (MIT), pinned by its hash. No code of it is run.
SNID_SAGE := snid-sage==0.8.0 --hash=sha256:ab09c810c70301c984c1446a3e33ece7b0981d12b178832e9108eeff83dfa8e5

library: setup ## named spectra to compare with: 5,500 of 650 objects, from the PyPI package snid-sage, into var/
	.venv/bin/pip install --quiet h5py==3.16.0
	mkdir -p var/download
	echo "$(SNID_SAGE)" > var/download/snid-sage.txt
	.venv/bin/pip download --quiet --no-deps --require-hashes --dest var/download -r var/download/snid-sage.txt
	.venv/bin/python -m classifier library import var/download/snid_sage-0.8.0-py3-none-any.whl --out var/library.partial
	.venv/bin/python -m classifier library measure var/library.partial > /dev/null
	mv var/library.partial var/library.safetensors
	rm -r var/download
	@echo "var/library.safetensors is ready; a running desk compares with it in a few seconds."

bench: setup ## the network's speed, the pipeline's, and on Postgres and Redis a night's arrival and a desk of years
	.venv/bin/python -m classifier bench
	.venv/bin/python manage.py migrate --verbosity 0
	.venv/bin/python manage.py bench_pipeline --spectra 500
	@test -z "$$REDIS_URL" || .venv/bin/python manage.py bench_arrival --spectra 1000
	@test -z "$$DATABASE_URL" || .venv/bin/python manage.py bench_size --transients 100000 --spectra 333000

check: setup-dev ## format, lint, types, imports between rooms, migrations, deployment settings, API schema
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python manage.py makemigrations --check --dry-run
	SECRET_KEY="$$(head -c 48 /dev/urandom | base64 | tr -d '\n')" HTTPS=1 ALLOWED_HOSTS=example.org .venv/bin/python manage.py check --deploy --fail-level WARNING
	.venv/bin/python manage.py spectacular --validate --fail-on-warn --file /dev/null

audit: setup-dev ## known holes in the dependencies; asks PyPI, and fails where it does not answer
	.venv/bin/pip-audit --strict --requirement requirements.txt --no-deps --disable-pip

screenshots: ## pictures of each page into docs/images/pages, of the desk that runs
	.venv/bin/python docs/screenshots.py docs/images/pages

clean:
	rm -rf .venv var
