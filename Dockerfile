FROM python:3.13-slim-trixie AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt celeryconfig.py flowerconfig.py ./
COPY migrations ./migrations
COPY monitoring ./monitoring
COPY orderbook ./orderbook
RUN python -m venv /app && /app/bin/pip install --no-cache-dir -c constraints.txt .

FROM python:3.13-slim-trixie
RUN useradd --system --uid 10001 --no-create-home orderbook
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /srv
COPY flowerconfig.py ./
USER 10001
CMD ["orderbook", "--help"]
