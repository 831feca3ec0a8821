"""Order N Pay for PowerEPOS: connects a provider's systems with the tills (POSes) of its outlets.

Entry points: `pos` (the tills), `backend` (the provider's systems), `staff` (people), `recipient` (one-time links).
Below them are `services` (operations, by capability) and `relay` (delivery to the tills over their sockets), then
`models` (rows), then code without I/O: `wire` (the formats of messages), `security` (secrets), `text` (characters and
names). A module imports from its own folder or from lower levels. Entry points do not import each other. `simulator`
acts as a till and imports nothing from the other packages.
"""
