"""The process that runs deployed tasks and queries. User code never runs in it, only in its children."""
