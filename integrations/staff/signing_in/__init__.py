"""Sign-in of staff, on top of django-allauth. Read `urls` first, then `adapters` (the portal's rules for allauth).

gate      Is the session complete: has it proved a second factor where one is needed?
proof     Has the person confirmed their identity recently? Asked before sensitive actions.
"""
