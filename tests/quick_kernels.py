"""Kernels that start at once: one process imports the heavy libraries, and each kernel is a fork of it.

`serve` is that process; `main` is what Jupyter starts in place of a kernel: it hands its arguments, its environment and
its streams over, passes interrupts on, and ends when its kernel does. If Jupyter kills it, the kernel ends too.
"""

import json
import os
import signal
import socket
import sys
import time

HEAVY = ("pandas", "matplotlib.figure", "matplotlib.backends.backend_agg", "scipy.optimize", "scipy.special")
HEAVY += ("scipy.stats", "sklearn.cluster", "sklearn.metrics", "sklearn.feature_extraction.text", "narwhals")
HEAVY += ("openpyxl", "pptx", "ipywidgets", "ipykernel.kernelapp")


def serve(path: str) -> None:
    """Import what is heavy, then fork a kernel for each connection to the socket at ``path``, until killed."""
    import builtins
    import gc
    import importlib
    from types import SimpleNamespace

    builtins.get_ipython = lambda: SimpleNamespace(kernel=None)  # pandas asks at import whether a kernel will show it
    for name in HEAVY:
        importlib.import_module(name)
    del builtins.get_ipython
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
        while True:
            connection, _ = server.accept()
            if os.fork() == 0:
                server.close()
                _become_kernel(connection)
            connection.close()


def _become_kernel(connection: socket.socket) -> None:
    import threading

    text, streams, *_ = socket.recv_fds(connection, 1 << 20, 3)
    told = json.loads(text)
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(told["cwd"])
    os.environ.clear()
    os.environ.update(told["environment"])
    os.environ.pop("JPY_PARENT_PID", None)  # the parent is another; the thread below watches over it instead
    connection.sendall(str(os.getpid()).encode())

    def end_with_jupyter() -> None:
        connection.recv(1)
        os._exit(1)

    threading.Thread(target=end_with_jupyter, daemon=True).start()
    from ipykernel.kernelapp import launch_new_instance

    sys.path[0] = ""
    launch_new_instance(argv=told["arguments"])
    os._exit(0)


def _connect(connection: socket.socket, path: str) -> None:
    """Connect as soon as the libraries are imported."""
    deadline = time.monotonic() + 120
    while True:
        try:
            return connection.connect(path)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def main(path: str, arguments: list[str]) -> None:
    """Stand for the kernel towards Jupyter."""
    with socket.socket(socket.AF_UNIX) as connection:
        _connect(connection, path)
        told = {"arguments": arguments, "environment": dict(os.environ), "cwd": os.path.realpath(".")}
        socket.send_fds(connection, [json.dumps(told).encode()], [0, 1, 2])
        kernel = int(connection.recv(32))
        signal.signal(signal.SIGINT, lambda *_: os.kill(kernel, signal.SIGINT))
        connection.recv(1)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        main(sys.argv[2], sys.argv[3:])
