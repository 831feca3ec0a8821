"""Plan, check and report actions on many outlets (from a file or a selection). services/integration executes them."""
