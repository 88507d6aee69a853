"""The networks: the backbone `f`, the prediction head `h` and the projection head `p`."""
