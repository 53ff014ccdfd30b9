#!/bin/sh
# The suite, in three minutes or so on two cores. SLOW=1 adds the long tests (hundreds of kills, thousands of connections),
# as CI does (CI=true): five minutes more.
# The closing line is pytest's own count.
set -eu
cd "$(dirname "$0")/.."
if [ "${SLOW:-${CI:-}}" = 1 ] || [ "${SLOW:-${CI:-}}" = true ]; then select=""; else select="not slow"; fi
exec .venv/bin/python -m pytest -q -p no:cacheprovider -n 2 --dist loadfile -m "$select" "$@"
