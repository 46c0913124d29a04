"""Starts the worker manager with its key as an argument that only this process has."""

import os
import sys

from codalab.worker_manager.main import main

PREFIX = "CODALAB_WORKER_MANAGER_"

sys.argv = [
    "cl-worker-manager",
    "--server",
    "http://rest-server:2900",
    "azure-batch",
    "--account-name",
    os.environ[PREFIX + "AZURE_BATCH_ACCOUNT_NAME"],
    "--account-key",
    os.environ.pop(PREFIX + "AZURE_BATCH_ACCOUNT_KEY"),
    "--service-url",
    os.environ[PREFIX + "AZURE_BATCH_SERVICE_URL"],
    "--log-container-url",
    os.environ.pop(PREFIX + "CPU_AZURE_LOG_CONTAINER_URL"),
    "--job-id",
    os.environ["CLWS_AZURE_POOL"],
]
main()
