"""The documented models of payloads, as data: for optional validation, and for the API's description.

Names are PascalCase, as they are sent. A POS matches them in any letter case, and so does the validation. Unknown keys
are accepted, because not all of PowerEPOS's documentation was available.

`request_models` lists the fields of each request model, `answer_models` the fields of each answer model, and `frames`
the fields of the messages that contain a request or an answer. `examples` has a payload of each message type.
`checking` compares a payload with its model, and `json_schema` describes a model. `field` defines a field.
"""
