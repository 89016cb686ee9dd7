"""Flower's settings, read from the working directory by ``celery -A orderbook flower``.

Its own default is every interface, with an API that can stop workers.
"""

from orderbook.config import settings as _settings

address = _settings().flower_address
basic_auth = [_auth.get_secret_value()] if (_auth := _settings().flower_basic_auth) else []
purge_offline_workers = 60  # seconds: else a stopped worker's series stay for ever
