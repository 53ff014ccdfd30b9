#!/bin/sh
# The suite, within twenty minutes on two cores; SLOW=1 adds the long ones (hundreds of kills, thousands of connections).
# The closing line is pytest's own count.
set -eu
cd "$(dirname "$0")/.."
if [ "${SLOW:-}" = 1 ]; then select=""; else select="not slow"; fi
exec .venv/bin/python -m pytest -q -p no:cacheprovider -n 2 --dist loadfile -m "$select" "$@"
