"""The client libraries of clients/, built and installed like packages, against one demo server."""
