#!/bin/sh
# Resolves pyproject.toml into requirements.lock: for every platform, with hashes, with no download address in it.
set -eu
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
if ! [ -x "$uv" ]; then uv=$(command -v uv || true); fi
if [ -z "$uv" ]; then
    deploy/setup.sh
    .venv/bin/python -m pip install -q uv
    uv=.venv/bin/uv
fi
exec "$uv" pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes \
    --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml --output-file requirements.lock
