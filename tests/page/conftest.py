"""What the tests of the live page stand on."""

from tests.page.shelf import modules, shelf
from tests.page.site import site
from tests.page.visits import browser, visitors

__all__ = ["browser", "modules", "shelf", "site", "visitors"]
