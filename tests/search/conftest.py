from __future__ import annotations

from collections.abc import Iterator

import pytest
from rows import Rows, rows_in


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rows]:
    """Return a real library file with the schema of today."""
    made = rows_in(tmp_path_factory.mktemp("library"))
    yield made
    made.connection.close()
