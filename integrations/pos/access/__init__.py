"""Decides which callers get a token or may open the websocket, and records each attempt.

`exchange` issues a token for a proved secret, `admission` checks a token, and `refusals` lists the reasons for refusal.
`attempt_recording` records the attempts of `visitors`. `availability` checks whether the process can decide now.
Nothing here writes rows: records go to the recorder. The state (failure counts, samples, shared look-ups) belongs to
the process.
"""
