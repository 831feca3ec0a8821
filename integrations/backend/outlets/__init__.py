"""Outlets and the actions on them.

`rows` reads outlets and `changes` changes them. The views are in `views` and `actions`: `actions` has one view for
each action on an outlet, such as enabling it. `bodies` and `serializers` have the formats.
"""
