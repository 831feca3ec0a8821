"""Decides which callers get a token or may open the websocket, and records each attempt.

`exchange` issues a token for a proved secret, `admission` checks a token, and `refusals` lists the reasons for refusal.
`visitors` describes the callers, and `attempt_recording` records their attempts. `availability` checks whether the
process can decide now. Nothing here writes rows: records go to the recorder. Each process has its own state in memory:
failure counts, samples, and the look-ups that its concurrent callers share.
"""
