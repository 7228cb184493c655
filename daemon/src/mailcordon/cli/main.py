"""The `mailcordon` command."""

import click

from mailcordon import __version__
from mailcordon.cli.check_config import check_config
from mailcordon.cli.db import db
from mailcordon.cli.password import password
from mailcordon.cli.release import command_for
from mailcordon.cli.scan import scan
from mailcordon.cli.serve import serve
from mailcordon.cli.stats import stats
from mailcordon.cli.workers import workers
from mailcordon.mail.release import RequestKind


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="mailcordon")
def main() -> None:
    """Mail filter between Postfix, ClamAV and SpamAssassin."""


main.add_command(serve)
main.add_command(check_config)
main.add_command(scan)
main.add_command(password)
main.add_command(db)
for kind in RequestKind:
    main.add_command(command_for(kind))
main.add_command(stats)
main.add_command(workers)
