"""Create, change and find organisations and outlets, and detect names that look alike."""
