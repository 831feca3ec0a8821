"""Pages that change while somebody looks at them: the websocket, and what it may show to whom."""
