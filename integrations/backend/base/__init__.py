"""What every call of the API needs.

`views` is the base of every view, and `api_key_authentication` identifies the caller. `query` and `pagination` parse
the query string, `body_parsing` parses the body, `idempotency` parses the Idempotency-Key, and `json_answers` and
`problems` write the answer. `correlation` assigns an id to each call. `schema` describes what all operations have in
common, and `problem_schema` each problem.
"""
