#!/usr/bin/env bash
# The oldest ansible-core that the collection supports: unit tests, and the syntax of every playbook, from the tarball.
# Needs uv in .venv and a package index.
set -euo pipefail
cd "$(dirname "$0")/.."

venv="$PWD/build/ansible-core-2.18"
.venv/bin/uv venv -q --clear --python .venv/bin/python "$venv"
.venv/bin/uv pip install -q --python "$venv" 'ansible-core>=2.18,<2.19' -r requirements.txt
"$venv/bin/ansible-playbook" --version

ANSIBLE_VENV="$venv" tests/run_ansible_test.sh units

collections="$(mktemp -d "${TMPDIR:-/tmp}/mailcordon-2.18.XXXXXX")"
trap 'rm -rf "$collections"' EXIT
export ANSIBLE_COLLECTIONS_PATH="$collections"
"$venv/bin/ansible-galaxy" collection build --output-path "$collections" . >/dev/null
"$venv/bin/ansible-galaxy" collection install --force --no-deps --offline -p "$collections" "$collections"/*.tar.gz >/dev/null
cd "$collections"
for playbook in "$OLDPWD"/playbooks/*.yml; do
    "$venv/bin/ansible-playbook" -i localhost, --syntax-check "mailcordon.gateway.$(basename "$playbook" .yml)"
done
