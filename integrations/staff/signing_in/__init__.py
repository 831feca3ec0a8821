"""How staff come in, on top of django-allauth. Begin with `urls`, then `adapters` (our rules in allauth's places).

gate      may this session see the portal at all: is its second factor proved?
proof     was it proved lately that the person is who they are: before sensitive acts
"""
