"""Load on a running server: seconds a request by how many clients ask at once, requests a second, memory, and the first sentence streamed.

    python -m evals.load --store STORE --questions dev.jsonl [--requests 10000]

Starts ``assistant serve`` on a free port of this machine and asks it the questions of a labelled file, over and over, without a model.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np

from evals.cases import read_rows

_CLIENTS = (1, 8, 32)
_EACH = 300
_STREAMED = 30


def memory(process: int) -> int:
    """Resident memory of a process, in MiB."""
    fields = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20


async def asked(url: str, questions: list[str], count: int, clients: int) -> tuple[list[float], int]:
    """Seconds of so many requests by so many clients at once, and how many failed."""
    taken: list[float] = []
    failed = 0
    numbers = iter(range(count))

    async def client() -> None:
        nonlocal failed
        async with httpx.AsyncClient(timeout=60) as http:
            for n in numbers:
                body = {"model": "papers", "messages": [{"role": "user", "content": questions[n % len(questions)]}]}
                began = time.perf_counter()
                reply = await http.post(f"{url}/v1/chat/completions", json=body)
                taken.append(time.perf_counter() - began)
                failed += reply.status_code != 200

    await asyncio.gather(*(client() for _ in range(clients)))
    return taken, failed


def first_sentence(url: str, question: str) -> float:
    """Seconds until the first text of a streamed answer."""
    began = time.perf_counter()
    body = {"model": "papers", "stream": True, "messages": [{"role": "user", "content": question}]}
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=60) as reply:
        for line in reply.iter_lines():
            if line.startswith("data: {") and json.loads(line[6:])["choices"][0]["delta"].get("content"):
                break
    return time.perf_counter() - began


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Load a server.")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--requests", type=int, default=0, help="how many for the memory")
    args = parser.parse_args()
    questions = [row["question"] for _, row in read_rows(args.questions) if row.get("kind") in ("which", "fact", "compare")]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    command = [
        sys.executable,
        "-c",
        "from assistant.faces.entry import main; main()",
        "serve",
        "--llm",
        "none",
        "--port",
        str(port),
        "--store",
        str(args.store),
    ]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                httpx.get(f"{url}/healthz", timeout=5)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        asyncio.run(asked(url, questions, len(questions), 2))
        for clients in _CLIENTS:
            began = time.perf_counter()
            taken, failed = asyncio.run(asked(url, questions, _EACH, clients))
            rate = _EACH / (time.perf_counter() - began)
            p50, p95 = (1000 * float(np.percentile(taken, p)) for p in (50, 95))
            print(f"{clients} clients: p50 {p50:.0f} ms, p95 {p95:.0f} ms, {rate:.1f} requests/s, {failed} failed")
        firsts = [1000 * first_sentence(url, question) for question in questions[:_STREAMED]]
        print(f"first streamed sentence: p50 {np.percentile(firsts, 50):.0f} ms, p95 {np.percentile(firsts, 95):.0f} ms")
        if args.requests:
            before = memory(server.pid)
            _, failed = asyncio.run(asked(url, questions, args.requests, _CLIENTS[1]))
            print(f"memory: {before} MiB, after {args.requests:,} requests {memory(server.pid)} MiB; {failed} failed")
    finally:
        server.terminate()
        print(f"the server ended with {server.wait(20)}")


if __name__ == "__main__":
    main()
