#!/usr/bin/env bash
# prepare.sh: fauxqs, and a Node that runs it, in a cache folder.
#
# The versions are package-lock.json's. Where the registry has no Node for this machine, its own is
# used. Nothing is done when the folder already stands as this checkout wants it.
#   environment: FAUXQS=<cache folder>
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
folder="${FAUXQS:-${XDG_CACHE_HOME:-$HOME/.cache}/asyncmcp-nb-fauxqs}"

stamp="$folder/ready"
wanted="$(cat "$here/package.json" "$here/package-lock.json" "$here/prepare.sh" | cksum)"
if [ -x "$folder/node" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
  exit 0
fi
if ! command -v npm >/dev/null; then
  echo "npm is missing, which installs fauxqs: install Node.js (any version that brings npm)." >&2
  exit 1
fi

echo "Installing fauxqs in $folder: a quarter of a minute, once."
mkdir -p "$folder"
rm -f "$stamp"
cp "$here/package.json" "$here/package-lock.json" "$folder"
# No package's install script is needed, so none is run.
npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel error

for node in "$folder/node_modules/.bin/node" "$(command -v node || true)"; do
  # fauxqs reads node:sqlite, which came with Node 22.5.
  if [ -x "$node" ] && "$node" --no-warnings -e 'require("node:sqlite")' 2>/dev/null; then
    ln -sfn "$node" "$folder/node"
    printf '%s\n' "$wanted" >"$stamp"
    exit 0
  fi
done
echo "fauxqs needs Node.js 22.5 or newer, and this machine has none: install one." >&2
exit 1
