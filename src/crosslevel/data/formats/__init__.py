"""What decodes the pixels of files."""
