"""The integration of one outlet: enable, disable and disconnect it, rotate its secrets, check its connection.

`outlet_check` is the check that pages and the API show. `check_evidence` reads its rows, `check_steps` puts them into
words, and `advice` says how to resolve a refusal. `attempt_advice` explains one attempt. `waits` lets a blocked
till try again.
"""
