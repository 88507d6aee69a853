"""The machine under it all: console, files, memory, threads, devices; nothing of images."""
