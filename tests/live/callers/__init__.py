"""The clients of the servers under test: tills, backends, browsers, constant load and hostile input."""
