"""The Celery application: ``celery -A orderbook`` finds it here. What it is told stands in ``celeryconfig.py``."""

from celery import Celery

app = Celery("orderbook", include=["orderbook.tasks"])
app.config_from_object("celeryconfig")
