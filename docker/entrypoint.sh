#!/bin/sh
# One process of the desk: migrate, web, worker, gpu-worker, outside or beat. Runs in the image and, with the virtual
# environment on PATH, without Docker: PATH=.venv/bin:$PATH docker/entrypoint.sh web
set -eu
cd "$(dirname "$0")/.."

case "${1:-web}" in
  migrate)
    python manage.py migrate --noinput
    exec python manage.py collectstatic --noinput --verbosity 0
    ;;
  web)
    exec gunicorn triage.wsgi --bind "${HOST:-0.0.0.0}:${PORT:-8000}" --worker-class gthread \
      --workers "${WEB_PROCESSES:-2}" --threads 8 --timeout 120 --graceful-timeout 20 --access-logfile - --log-level info
    ;;
  worker)
    exec celery -A triage worker --pool prefork --concurrency "${WORKER_PROCESSES:-1}" --loglevel INFO
    ;;
  gpu-worker)
    # CUDA does not survive a fork, hence the pool without one.
    CLASSIFIER_DEVICE=cuda
    if ! python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
      echo "WARNING: this is a GPU worker, but PyTorch sees no CUDA device; it works on the CPU" >&2
      CLASSIFIER_DEVICE=cpu
    fi
    export CLASSIFIER_DEVICE
    exec celery -A triage worker --pool solo --loglevel INFO
    ;;
  outside)
    # Syncs, posts, reports, webhooks and messages: what waits for other servers.
    exec celery -A triage worker --pool threads --concurrency "${OUTSIDE_THREADS:-8}" --hostname outside@%h --loglevel INFO \
      --queues "${CELERY_QUEUE:-triage}-outside"
    ;;
  beat)
    exec celery -A triage beat --schedule "${TRIAGE_VAR:-var}/celerybeat-schedule" --loglevel INFO
    ;;
  *)
    exec "$@"
    ;;
esac
