"""What is wrong or odd about data, found before any work."""
