"""The parts of `benchmarks/storm.py`."""
