"""What gotask costs, beside its peers: `python -m benchmarks`."""
