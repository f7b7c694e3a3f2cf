#!/usr/bin/env bash
# prepare.sh: the MCP SDK's test suite and an environment to run it in, in a cache folder.
#
# The suite comes from the source release of the mcp version that constraints.txt pins, so suite and
# library always match; the project is installed beside it, editable. Nothing is done when the
# folder already stands as this checkout wants it.
#   environment: ACCEPT=<cache folder>  PYTHON=<interpreter for a new environment>
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
project="$(cd "$here/../.." && pwd)"
accept="${ACCEPT:-${XDG_CACHE_HOME:-$HOME/.cache}/mcp-interaction-suite}"
python="$accept/venv/bin/python"
version="$(sed -n 's/^mcp==//p' "$project/constraints.txt")"

stamp="$accept/ready"
wanted="mcp $version
project $project
inputs $(cat "$project/pyproject.toml" "$project/constraints.txt" "$here/requirements.txt" "$here/prepare.sh" | cksum)"
if [ -x "$python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
  exit 0
fi
rm -f "$stamp"

pip() { "$python" -m pip --quiet --disable-pip-version-check "$@"; }

echo "Preparing the suite of mcp $version in $accept: a minute, once."
mkdir -p "$accept"
[ -x "$python" ] || "${PYTHON:-python3}" -m venv "$accept/venv"
pip install "mcp[cli]==$version" --requirement "$here/requirements.txt" \
  --editable "$project[local]" --constraint "$project/constraints.txt"

if [ "$(cat "$accept/suite/VERSION" 2>/dev/null)" != "$version" ]; then
  release="$accept/dl/mcp-$version.tar.gz"
  if [ ! -f "$release" ]; then
    pip download --no-deps --no-binary mcp --no-build-isolation --dest "$accept/dl" "mcp==$version"
  fi
  rm -rf "$accept/suite"
  mkdir -p "$accept/suite"
  tar xzf "$release" -C "$accept/suite" --strip-components=1 \
    "mcp-$version/tests" "mcp-$version/pyproject.toml" "mcp-$version/scripts" "mcp-$version/LICENSE"
  echo "$version" >"$accept/suite/VERSION"
fi
printf '%s\n' "$wanted" >"$stamp"
