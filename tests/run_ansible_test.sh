#!/usr/bin/env bash
# Builds the collection's tarball, installs it as a user would, and runs ansible-test sanity and units in it.
#   tests/run_ansible_test.sh [sanity|units]...    both without arguments
# Needs ansible-galaxy and ansible-test in .venv, in the virtual environment that ANSIBLE_VENV names, or on PATH, and a
# package index for what ansible-test itself installs.
set -euo pipefail
cd "$(dirname "$0")/.."
repository="$PWD"
PATH="${ANSIBLE_VENV:-$PWD/.venv}/bin:$PATH"

fail() { printf 'run_ansible_test: %s\n' "$*" >&2; exit 1; }

command -v ansible-test >/dev/null || fail "there is no ansible-test: run 'make tools' first"
# The Python that ansible-test itself runs with: its tools are installed for the same one.
interpreter="$(sed -n '1s/^#!//p' "$(command -v ansible-test)")"
python_version="$("$interpreter" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"

# Outside of the repository, because ansible-test leaves out what git ignores.
work="$(mktemp -d "${TMPDIR:-/tmp}/mailcordon-ansible-test.XXXXXX")"
trap 'rm -rf "$work"' EXIT
collection="$work/ansible_collections/mailcordon/gateway"
export ANSIBLE_COLLECTIONS_PATH="$work"
ansible-galaxy collection build --output-path "$work" . >/dev/null
ansible-galaxy collection install --force --no-deps --offline -p "$work" "$work"/mailcordon-gateway-*.tar.gz >/dev/null
# The daemon has checks of its own.
rm -rf "$collection/daemon"
cd "$collection"

# ansible-test looks here before it asks the server of its project for a script that installs pip.
requirements="$("$interpreter" -c 'import ansible_test._internal.python_requirements as module; print(module.__file__)')"
pip_version="$(sed -n "s/^ *pip='\([0-9.]*\)',$/\1/p" "$requirements")"
[ -n "$pip_version" ] || fail "cannot tell which pip this ansible-test wants; adapt $repository/tests/run_ansible_test.sh"
get_pip="$HOME/.ansible/test/cache/get_pip_${pip_version//./_}.py"
if [ ! -e "$get_pip" ]; then
    mkdir -p "$(dirname "$get_pip")"
    cp "$repository/tests/get_pip.py" "$get_pip"
fi

[ $# -gt 0 ] || set -- sanity units
for kind in "$@"; do
    case "$kind" in
        sanity) ansible-test sanity --venv --python "$python_version" --color no ;;
        units) ansible-test units --venv --python "$python_version" --color no ;;
        *) fail "unknown kind '$kind': use sanity or units" ;;
    esac
done
