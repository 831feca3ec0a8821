"""Outlets and the actions on them.

`rows` reads outlets and `changes` changes them. `views` answers the calls about outlets, `actions` those about the
actions on one outlet. `bodies` and `serializers` have the formats.
"""
