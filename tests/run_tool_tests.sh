#!/usr/bin/env bash
# Runs the tests of the modules against the installed Postfix and ClamAV (tests/tools). Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH:/usr/sbin"

fail() { printf 'run_tool_tests: %s\n' "$*" >&2; exit 1; }

command -v pytest >/dev/null || fail "there is no pytest: run 'make tools' first"
for program in postfix postconf clamconf clamd sigtool; do
    command -v "$program" >/dev/null || fail "there is no $program: install the packages postfix, clamav and clamav-daemon"
done
[ "$(id -u)" -eq 0 ] || fail "'postfix check' needs root"

# The modules import each other by their full names, so the repository must lie where a collection lies.
root="$(mktemp -d "${TMPDIR:-/tmp}/mailcordon-tool-tests.XXXXXX")"
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/ansible_collections/mailcordon"
ln -s "$PWD" "$root/ansible_collections/mailcordon/gateway"
PYTHONPATH="$root" pytest -q -p no:cacheprovider --import-mode=importlib tests/tools "$@"
