"""Who may have a token, who may open the socket, and the record of each attempt.

`exchange` gives a token for a proved secret, `admission` says what a token opens, `refusals` are the reasons why not.
`attempts` records the attempts of `visitors`. `availability` says whether the process can decide at all. Nothing here
writes rows: records go to the recorder. The state (failure counts, samples, joined look-ups) belongs to the process.
"""
