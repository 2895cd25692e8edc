"""Values that every room may use: pods, nodes, columns, events, verdicts. numpy and msgspec; no I/O, no clock."""
