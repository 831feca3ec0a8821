"""How rows are read and written: threads for the event loop, bulk statements, pages of long lists, the shared cache."""
