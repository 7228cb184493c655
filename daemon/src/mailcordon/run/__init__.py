"""The running daemon: supervisor, workers, sockets, log."""
