"""A form of the client: `script/clients` generates the synchronous `_sync` from the asynchronous `_async`."""
