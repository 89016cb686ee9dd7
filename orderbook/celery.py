"""The Celery application: ``celery -A orderbook`` finds it here. What it is told stands in ``celeryconfig.py``."""

import os
from importlib.util import find_spec

from celery import Celery

from orderbook import broker

broker.mend()
app = Celery("orderbook", include=["orderbook.tasks", "orderbook.worker"])
app.config_from_object("celeryconfig")

# Flower looks for flowerconfig.py in its working directory; where there is none, it would listen on every interface
if (_flowerconfig := find_spec("flowerconfig")) is not None and _flowerconfig.origin is not None:
    os.environ.setdefault("FLOWER_CONF", _flowerconfig.origin)
