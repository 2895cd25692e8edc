"""Everything a plugin author may import, and no more."""
