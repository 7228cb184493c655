"""`mailcordon password`: makes the hash of a password for `auth_users`."""

import click

from mailcordon.config.password import PasswordHash


@click.command()
@click.password_option(help="Asked for on the terminal unless given.")
def password(password: str) -> None:
    """Print the hash of a password, to be written into `auth_users` or its file."""
    click.echo(PasswordHash.of(password))
