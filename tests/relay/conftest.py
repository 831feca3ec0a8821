"""Fixtures: two server processes that write records."""

import pytest

from integrations.models import ServerProcess
from tests.support.factories import make_process


@pytest.fixture
def here(db: None) -> ServerProcess:
    return make_process(host="here")


@pytest.fixture
def there(db: None) -> ServerProcess:
    return make_process(host="there")
