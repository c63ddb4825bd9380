"""A registry that is meant to be killed: forks a child per line on standard input; it acknowledges what it recorded.

    python killed.py DATABASE-URL

Each line is a round's number. The child submits a thousand registrations from many threads and prints, unbuffered, the
nullifier of each receipt that it holds. The parent prints the child's id first.
"""

from __future__ import annotations

import os
import sys
import threading

from registry_world import OPERATOR, TERMS, A, B, Clock, registration

from zkmargin.verifier.registry.registry import Registry

SUBMISSIONS, WRITERS = 1000, 20


def work(url: str, number: int) -> None:
    registry = Registry(url, TERMS, OPERATOR, clock=Clock())
    waiting, lock = iter(range(SUBMISSIONS)), threading.Lock()

    def submit() -> None:
        while True:
            with lock:
                turn = next(waiting, None)
            if turn is None:
                return
            nullifier = number * SUBMISSIONS + turn + 1
            receipt = registry.register(registration(nullifier, (A, B)[turn % 2])).receipt
            os.write(1, f"{receipt.nullifier} {receipt.log_index}\n".encode())

    threads = [threading.Thread(target=submit) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(1, b"finished\n")


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            work(sys.argv[1], int(line))
            os._exit(0)
        os.write(1, f"child {child}\n".encode())
        os.waitpid(child, 0)
        os.write(1, b"gone\n")


if __name__ == "__main__":
    main()
