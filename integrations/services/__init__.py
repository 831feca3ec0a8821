"""Operations on the database, by capability. Entry points, the relay and the shell commands call the same functions.

`rows` reads and writes rows, `errors` has the shared refusals, `audit` records each action and its actor, `reasons`
checks the reason that staff give for an action, `life_cycle` rotates and retires secrets of every kind, `overlaps`
lists how long an old secret may stay valid, `wake` notifies other processes, `metrics` defines the metrics, and
`futures` sets and reads the results of futures. Every folder except `rows` is one capability. The package imports
`models` and the layers below, but no entry point.
"""
