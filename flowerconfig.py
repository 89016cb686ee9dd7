"""Flower's settings, read from the working directory by ``celery -A orderbook flower``.

Its own default is every interface, with an API that can stop workers.
"""

from orderbook.config import settings as _settings
from orderbook.logs import configure as _configure

_configure(_settings().log_level, _settings().log_format)
address = _settings().flower_address
basic_auth = [_auth.get_secret_value()] if (_auth := _settings().flower_basic_auth) else []
purge_offline_workers = 60  # seconds: else a stopped worker's series stay for ever
