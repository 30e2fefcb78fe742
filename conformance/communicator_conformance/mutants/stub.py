"""Asks a server of mutants for one of them: `python -I -S stub.py SOCKET NAME`.

The suite starts this as a program under test. It hands its three pipes to the server, waits, and ends as the mutant
ends; if it is killed, the server ends the mutant. It imports nothing but `socket`: it is started for every mutant.
"""

import os
import socket
import sys

if __name__ == "__main__":
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(sys.argv[1])
        socket.send_fds(server, [sys.argv[2].encode() + b"\n"], [0, 1, 2])
        for pipe in (0, 1, 2):
            os.close(pipe)
        status = server.recv(1)
    os._exit(status[0] if status else 1)
