"""The contender: complete, readable and unoptimised, as most research code is.

fp32, PyTorch's default memory layout, every branch computed with a graph whether its weight is 0
or not, an optimiser that is not fused, images decoded and resized whenever they are needed.
"""
