"""Order N Pay for PowerEPOS: between a provider's systems and the tills (POSes) of its outlets.

Entry points: `pos` (the tills), `backend` (the provider's systems), `staff` (people), `recipient` (one-time links).
Below them `services` (operations, by capability) and `relay` (delivery to the tills over their sockets), then `models`
(rows), then pure code: `wire` (what goes over the wire), `security` (secrets), `text` (characters and names).
A module imports from its own folder or from lower levels. Entry points do not import each other. `simulator` stands
for a till and imports nothing from here.
"""
