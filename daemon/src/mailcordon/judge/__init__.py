"""From findings to one verdict per recipient. Pure: no I/O, no clock, no state."""
