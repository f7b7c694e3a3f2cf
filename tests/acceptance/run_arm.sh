#!/usr/bin/env bash
# run_arm.sh {streams|connect} MODULE:FACTORY [pytest argument ...]
#
# Runs the MCP SDK's interaction suite over the transport that the factory makes; prepare.sh first.
#   environment: ACCEPT=<cache folder>  ARM_NAME=<name in test ids>  ARM_PATH=<folder of MODULE>
#                ARM_TIMEOUT=<seconds a test>
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
accept="${ACCEPT:-${XDG_CACHE_HOME:-$HOME/.cache}/mcp-interaction-suite}"
kind="$1" factory="$2"
shift 2

# From its own folder: the suite is a package named `tests`.
cd "$accept/suite"
export PYTHONPATH="$here${ARM_PATH:+:$ARM_PATH}${PYTHONPATH:+:$PYTHONPATH}"
exec "$accept/venv/bin/python" -m pytest -p mcp_arm_plugin "--arm-$kind" "$factory" \
  --arm-name "${ARM_NAME:-arm}" --timeout "${ARM_TIMEOUT:-60}" \
  -p no:cacheprovider -o log_cli=false -q --color=no -rfEX --tb=short "$@" tests/interaction
