#!/bin/sh
# The whole suite; SLOW=1 (and CI) adds the slow tests. The closing line is pytest's own count.
set -eu
cd "$(dirname "$0")/.."
if [ "${SLOW:-}" = 1 ] || [ "${CI:-}" = true ]; then select=""; else select="not slow"; fi
exec .venv/bin/python -m pytest -q -p no:cacheprovider -n 2 --dist loadfile -m "$select" "$@"
