"""The parts of `storm.py`."""
