"""General helpers for processes, locks, files, status lines and Markdown."""
