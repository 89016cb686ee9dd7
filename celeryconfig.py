"""Celery's settings (``celery -A orderbook report`` prints every public name here: what is imported has an underscore).

A message is a hint that carries a range id; the ledger in Postgres is the queue. So messages may be lost or come twice.
"""

from kombu import Exchange as _Exchange
from kombu import Queue as _Queue

from orderbook.config import settings as _settings

broker_url = _settings().redis.url.get_secret_value()
broker_use_ssl = _settings().redis.tls
broker_connection_retry_on_startup = True
broker_connection_max_retries = None  # for ever: a broker that comes back finds us waiting
broker_transport_options = {
    "visibility_timeout": 120,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 2,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "queue_order_strategy": "priority",  # ranges last: behind a backlog of them all else would starve
}

accept_content = ["json"]
task_serializer = "json"
task_ignore_result = True

_exchange = _Exchange("orderbook")
# in the order they are served; without a routing key of its own, each would get what is sent to any
task_queues = tuple(_Queue(name, _exchange, routing_key=name) for name in ("drain", "maintenance", "ingest"))
task_default_queue = "maintenance"
task_routes = {"drain": {"queue": "drain"}, "ingest": {"queue": "ingest"}}
task_create_missing_queues = False

task_acks_late = True
task_reject_on_worker_lost = False  # a record that kills its worker would come back at once, for ever
task_time_limit = 60
task_soft_time_limit = 45
worker_prefetch_multiplier = 1
worker_max_tasks_per_child = 500
worker_soft_shutdown_timeout = 50
worker_hijack_root_logger = False
worker_redirect_stdouts = False
worker_send_task_events = False  # Flower asks for them while it runs: two fifths of what a pool's parent does

beat_scheduler = "orderbook.beat:SteadyScheduler"
beat_schedule = {
    "drain": {"task": "drain", "schedule": _settings().drain.interval_seconds},
    "make-days": {"task": "make_days", "schedule": 600.0},
    "stitch": {"task": "stitch", "schedule": _settings().completeness.interval_seconds},
    "watch-clocks": {"task": "watch_clocks", "schedule": _settings().completeness.clock_interval_seconds},
    "relay-rejects": {"task": "relay_rejects", "schedule": 5.0},
    "archive": {"task": "archive", "schedule": _settings().archive.interval_seconds},
    "expect": {"task": "expect", "schedule": _settings().expectations.interval_seconds},
    "merge-ranges": {"task": "merge_ranges", "schedule": 60.0},
}
if _settings().energy.areas:
    beat_schedule["list-contracts"] = {"task": "list_contracts", "schedule": 600.0}
timezone = "UTC"
