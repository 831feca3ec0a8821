"""The documented models of payloads, as data: for optional validation, and for the API's description.

Names are PascalCase, as they are sent. A POS matches them in any letter case, and so does the validation. Unknown keys
are accepted, because only a part of the documentation could be read.

`request_models` lists the fields of each model of the requests, `answer_models` those of the answers, and `frames`
those of the messages that carry them. `examples` has a payload of each message type. `checking` compares a payload with
its model, and `json_schema` describes a model. `field` defines a field.
"""
