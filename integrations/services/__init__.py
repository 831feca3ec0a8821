"""Operations on the rows, by capability: entry points, the relay and the shell commands call the same functions.

`rows` reaches the database, `errors` holds what the operations refuse, `audit` writes down who did what, `wake` tells
other processes. The other folders are capabilities. They import `models` and the layers below it, and no entry point.
"""
