"""Puts pip into the virtual environment that runs this, in the place of the script of that name.

ansible-test fetches get-pip.py from a server of its own project. run_ansible_test.sh puts this one into its cache, so
that nothing but a package index is needed: the pip that comes with Python installs the wanted version.
"""

import ensurepip
import subprocess
import sys

ensurepip.bootstrap(upgrade=True)
# Options of the original, which would otherwise install further packages.
arguments = [item for item in sys.argv[1:] if item not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", *arguments]))
