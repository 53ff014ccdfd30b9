#!/bin/sh
# Copies the pinned third-party scripts into the package, which installs without npm. Run after a change of
# package-lock.json and commit what it wrote: tests/web/test_assets.py compares the versions.
set -eu
cd "$(dirname "$0")/.."
vendor=src/foedus/faces/web/static/vendor

npm ci --ignore-scripts --no-audit --no-fund >&2
rm -rf "$vendor"
mkdir -p "$vendor"

cp node_modules/htmx.org/dist/htmx.min.js "$vendor/htmx.min.js"
cp node_modules/htmx.org/LICENSE "$vendor/htmx.LICENSE"

node_modules/.bin/esbuild tools/echarts-entry.js --bundle --minify --format=iife --target=es2020 \
  --legal-comments=none --log-level=warning --outfile="$vendor/echarts.min.js"
cp node_modules/echarts/LICENSE "$vendor/echarts.LICENSE"
cp node_modules/echarts/NOTICE "$vendor/echarts.NOTICE"
cp node_modules/zrender/LICENSE "$vendor/zrender.LICENSE"
cp node_modules/tslib/LICENSE.txt "$vendor/tslib.LICENSE"

node -e '
const lock = require("./package-lock.json").packages;
const used = ["htmx.org", "echarts", "zrender", "tslib"];
const out = Object.fromEntries(used.map((n) => [n, lock["node_modules/" + n].version]));
console.log(JSON.stringify(out, null, 2));' > "$vendor/versions.json"
ls -l "$vendor" >&2
