"""Flower's settings, read from the working directory by ``celery -A orderbook flower``.

Its own default is every interface, with an API that can stop workers.
"""

from orderbook.config import settings as _settings

address = _settings().flower_address
