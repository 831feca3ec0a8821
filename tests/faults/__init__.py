"""What the portal promises when something breaks, shown on real processes; docs/faults.md has the promises."""
