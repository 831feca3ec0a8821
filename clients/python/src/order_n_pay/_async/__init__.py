"""One of the client's two forms. `script/clients` generates the synchronous `_sync` from the asynchronous `_async`."""
