#!/bin/sh
# Makes .venv from the lock, with uv; gets uv into .tools/ where the machine has none. Needs Python 3.11 and nothing else.
# Usage: tools/bootstrap.sh run|dev|docs     (what the environment is for)
set -eu
cd "$(dirname "$0")/.."
what=${1:-run}
# The machine's own certificates count, as they do for every other program: a network with a proxy of its own works.
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
say() { printf '%s\n' "$*" >&2; }

find_uv() {
  if [ -x .tools/bin/uv ]; then echo .tools/bin/uv; return; fi
  if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then command -v uv; return; fi
  return 1
}

python=$(command -v python3.11 || command -v python3 || true)
[ -n "$python" ] || { say "foedus needs Python 3.11 or later: apt-get install python3"; exit 1; }

if ! uv=$(find_uv); then
  say "getting uv into .tools/ …"
  mkdir -p .tools
  if ! "$python" -m pip --version >/dev/null 2>&1 && ! "$python" -m venv .tools/pip >/dev/null 2>&1; then
    rm -rf .tools/pip
    # Debian parts pip from Python; as root we may add it, otherwise we say how.
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
      apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv python3-pip >/dev/null
      "$python" -m venv .tools/pip
    else
      say "neither pip nor venv is there: install Debian's python3-venv (sudo apt-get install python3-venv) and try again"; exit 1
    fi
  fi
  if [ ! -x .tools/pip/bin/python ]; then "$python" -m venv .tools/pip 2>/dev/null || rm -rf .tools/pip; fi
  if [ -x .tools/pip/bin/python ]; then
    .tools/pip/bin/python -m pip install -q --disable-pip-version-check uv
    mkdir -p .tools/bin && ln -sf ../pip/bin/uv .tools/bin/uv
  else
    "$python" -m pip install -q --disable-pip-version-check --target .tools/lib uv
    mkdir -p .tools/bin && cp .tools/lib/bin/uv .tools/bin/uv
  fi
  uv=.tools/bin/uv
fi

lock=requirements/$what.txt
stamp=.venv/.compiled-$what
# Compiled once, here: else every start of every command would compile half a million lines first, for half a second.
compile_ours() { .venv/bin/python -m compileall -q src; }
if [ -f "$stamp" ] && cmp -s "$lock" "$stamp" && [ pyproject.toml -ot "$stamp" ]; then compile_ours; exit 0; fi
[ -x .venv/bin/python ] || "$uv" venv -q --python "$python" .venv
say "installing the locked environment ($what) …"
"$uv" pip install -q -p .venv/bin/python --compile-bytecode --require-hashes -r "$lock"
"$uv" pip install -q -p .venv/bin/python --no-deps --no-build-isolation -e .
compile_ours
cp "$lock" "$stamp"
