"""Pixels of single images: preparing, drawing and writing them."""
