FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt celeryconfig.py flowerconfig.py ./
COPY migrations ./migrations
COPY orderbook ./orderbook
RUN python -m venv /app && /app/bin/pip install --no-cache-dir -c constraints.txt .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home orderbook
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /srv
COPY flowerconfig.py ./
USER orderbook
CMD ["orderbook", "--help"]
