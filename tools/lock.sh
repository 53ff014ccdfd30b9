#!/bin/sh
# Renews the locks in requirements/: every version pinned, every file by hash, no address in them.
set -eu
cd "$(dirname "$0")/.."
uv=$( [ -x .tools/bin/uv ] && echo .tools/bin/uv || command -v uv )
mkdir -p requirements
pin() { # pin FILE ARGUMENTS…
  out=requirements/$1.txt; shift
  "$uv" pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links "$@" -o "$out"
  if grep -nE '[a-z]+://' "$out"; then echo "an address stands in $out" >&2; exit 1; fi
}
pin run pyproject.toml requirements/build.in
pin dev pyproject.toml requirements/build.in --group dev
pin docs pyproject.toml requirements/build.in --group docs
