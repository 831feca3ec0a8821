"""The asynchronous client. `script/clients` writes the synchronous one, in `_sync`, from it."""
