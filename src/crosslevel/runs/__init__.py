"""Run folders: written, read back, collected and compared."""
