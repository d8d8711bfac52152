#!/bin/sh
# Finds a Python that can run this project and hands over to setup.py. PYTHON=… names one; it is taken or refused, never replaced.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)

suits() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        suits "$PYTHON" && echo "$PYTHON"
        return
    fi
    for name in python3.11 python3.12 python3.13 python3; do
        if suits "$name"; then echo "$name"; return; fi
    done
}

python=$(find_python || true)
if [ -z "$python" ] && [ -z "${PYTHON:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: no Python 3.11 or newer with venv: apt-get install python3 python3-venv"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 python3-venv >/dev/null
    python=$(find_python || true)
fi
if [ -z "$python" ]; then
    echo "error: ${PYTHON:-python3} is not a Python 3.11 or newer with its venv module." >&2
    echo "       Debian 12, Ubuntu 24.04 or newer: sudo apt-get install python3 python3-venv" >&2
    echo "       Ubuntu 22.04:                     sudo apt-get install python3.11 python3.11-venv" >&2
    echo "       elsewhere: install Python 3.11 and run: PYTHON=/path/to/python3.11 make setup" >&2
    exit 2
fi
exec "$python" "$here/setup.py" "$@"
