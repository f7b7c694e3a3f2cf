"""What is measured, a module an area. To add a figure, yield one more; to add an area, list it in
``benchmarks.__main__``.
"""
