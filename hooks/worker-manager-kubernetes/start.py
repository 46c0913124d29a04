"""Starts the worker manager with its token as an argument that only this process has."""

import os
import sys

from codalab.worker_manager.main import main

PREFIX = "CODALAB_WORKER_MANAGER_GPU_KUBERNETES_"

sys.argv = [
    "cl-worker-manager",
    "--server",
    "http://rest-server:2900",
    "kubernetes",
    "--cluster-host",
    os.environ[PREFIX + "CLUSTER_HOST"],
    "--auth-token",
    os.environ.pop(PREFIX + "AUTH_TOKEN"),
    "--cert-path",
    os.environ[PREFIX + "CERT_PATH"],
]
main()
