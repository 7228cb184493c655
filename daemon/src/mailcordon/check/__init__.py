"""The checks: one file each, all run at once on a message. `registry` names them."""
