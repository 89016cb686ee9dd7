"""A Kafka that listens at one more place."""

from pathlib import Path


def add_listener(
    folder: Path, name: str, address: str, protocol: str, *, brokers_use: str = "PLAINTEXT", more: str = ""
) -> None:
    """Add it, and ``more`` lines of its own, to the properties that the broker in ``folder`` was prepared with."""
    properties = folder / "server.properties"
    added = {
        "listeners": f",{name}://{address}",
        "advertised.listeners": f",{name}://{address}",
        "listener.security.protocol.map": f",{name}:{protocol}",
    }
    lines = [line + added.get(line.partition("=")[0], "") for line in properties.read_text().splitlines()]
    properties.write_text("\n".join([*lines, f"inter.broker.listener.name={brokers_use}", more]))
