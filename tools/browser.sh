#!/bin/sh
# Browser tests use the system's Chromium. As root on Debian it is installed; otherwise the tests skip, saying so.
set -eu
command -v chromium >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing Debian's chromium for the browser tests …" >&2
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } && exit 0
fi
if [ "${CI:-}" = true ]; then echo "CI demands Chromium, and it cannot be installed" >&2; exit 1; fi
echo "chromium is not there: the browser tests will be skipped (apt-get install chromium)" >&2
