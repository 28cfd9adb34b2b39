#!/usr/bin/env python3
"""Tests Venti's endpoint with OpenAI's Python client.

Starts `venti serve --api` on an empty site with the embedded model, and tests everything that the
`openai` package supports: models, completions, several prompts, tokens, streaming, log probabilities
and errors. Needs that package (`pip install openai`) and cargo, and uses only local connections. Prints
one line per check and ends with `N passed, N failed`.

`--soak SECONDS CLIENTS` runs a load test instead: clients stream the texts of a few seeds repeatedly and
at the same time. The texts must not change. It then prints the speed.
"""

import argparse
import ast
import asyncio
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

try:
    import openai
    from openai import AsyncOpenAI, OpenAI
except ImportError:
    sys.exit("openai is missing: pip install openai")

ROOT = Path(__file__).resolve().parent.parent
MODEL = "venti-mini"
PROMPT = "On Roadmaps\n\nA roadmap is"
POSITIONS = 768


def build() -> Path:
    """Builds venti and returns its path."""
    command = ["cargo", "build", "--release", "--message-format=json-render-diagnostics"]
    # Builds the whole workspace, like `cargo test`, so that no dependency is compiled twice.
    done = subprocess.run(
        [*command, "--bin", "venti"], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True
    )
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    return Path([m["executable"] for m in messages if m.get("executable")][-1])


class Server:
    """A running preview server with its endpoint."""

    def __init__(self, process: subprocess.Popen, address: str):
        self.process = process
        self.address = address
        self.base_url = f"http://{address}/v1"

    def client(self, key: str = "none", retries: int = 0) -> OpenAI:
        return OpenAI(base_url=self.base_url, api_key=key, max_retries=retries)

    def raw(self, method: str, path: str, headers: dict, body: bytes | None = None) -> tuple:
        """Sends a request without the client. Returns status, headers and parsed body."""
        connection = http.client.HTTPConnection(self.address, timeout=60)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        return response.status, response.headers, answer

    def cpu(self) -> int:
        """Returns the processor time used so far, in ticks."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def memory(self) -> float:
        """Returns its memory use in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        kilobytes = [line.split()[1] for line in status if line.startswith("VmRSS:")]
        return int(kilobytes[0]) / 1000

    def rests(self) -> bool:
        """Returns whether it becomes idle within about ten seconds."""
        for _ in range(20):
            before = self.cpu()
            time.sleep(0.5)
            if self.cpu() - before <= 2:
                return True
        return False


@contextmanager
def serving(venti: Path, key: str | None = None):
    """Runs a server on a site without seeds."""
    environment = {name: value for name, value in os.environ.items() if name != "VENTI_API_KEY"}
    if key is not None:
        environment["VENTI_API_KEY"] = key
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "venti.yaml").write_text("title: Asked\n", encoding="utf-8")
        Path(scratch, "content", "seeds").mkdir(parents=True)
        process = subprocess.Popen(
            [venti, "serve", "--api", "--port", "0", "--offline"],
            cwd=scratch,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        # If the server does not start, do not wait forever.
        late = threading.Timer(60, process.kill)
        late.start()
        try:
            said = []
            for line in process.stderr:
                said.append(line)
                if line.strip().startswith("endpoint http://"):
                    break
            else:
                sys.exit("venti did not start:\n" + "".join(said))
            late.cancel()
            yield Server(process, said[-1].split("http://")[1].split("/")[0])
        finally:
            late.cancel()
            process.terminate()
            process.communicate()


class Checks:
    """Counts and prints the results of the checks."""

    def __init__(self):
        self.passed = self.failed = 0

    def __call__(self, name: str, holds: bool) -> None:
        self.passed, self.failed = self.passed + bool(holds), self.failed + (not holds)
        print(("ok      " if holds else "FAILED  ") + name, flush=True)

    def raises(self, name: str, kind: type, status: int, param, code, ask) -> None:
        """Checks that `ask` raises the documented exception."""
        try:
            ask()
        except openai.APIStatusError as error:
            got = (type(error), error.status_code, error.param, error.code)
            if got != (kind, status, param, code):
                print(f"        {got}: {error}")
            self(name, got == (kind, status, param, code))
        else:
            self(name, False)


def in_bytes(token: str) -> bytes:
    """Decodes OpenAI's notation for the bytes of a token."""
    if token.startswith("bytes:"):
        return ast.literal_eval("b'" + token.removeprefix("bytes:") + "'")
    return token.encode()


def joined(chunks) -> tuple:
    """Joins the chunks of a stream. Returns its choices and its usage."""
    choices, usage = {}, None
    for chunk in chunks:
        usage = chunk.usage or usage
        for piece in chunk.choices:
            choice = choices.setdefault(
                piece.index, {"text": "", "finish_reason": None, "logprobs": None}
            )
            choice["text"] += piece.text
            choice["finish_reason"] = piece.finish_reason or choice["finish_reason"]
            if piece.logprobs is not None:
                whole = choice["logprobs"] = choice["logprobs"] or {}
                for name, values in piece.logprobs.model_dump().items():
                    whole.setdefault(name, []).extend(values)
    return [choices[index] for index in sorted(choices)], usage


def whole(completion) -> list:
    """Returns the choices of a response in the same form."""
    return [choice.model_dump(exclude={"index"}) for choice in completion.choices]


def texts(completion) -> list:
    return [choice.text for choice in completion.choices]


def answers(check: Checks, server: Server) -> None:
    """Checks completions."""
    client = server.client()
    ask = lambda **fields: client.completions.create(**{"model": MODEL, "prompt": PROMPT, **fields})

    listed = [model.id for model in client.models.list()]
    check("the model is listed", listed == [MODEL])
    check("the model can be retrieved by name", client.models.retrieve(MODEL).id == MODEL)

    one = ask(max_tokens=24, seed=7)
    check("a completion has a text and a finish reason", one.choices[0].text != "" and one.choices[0].finish_reason == "length")
    usage = one.usage
    check("the usage is correct", usage.completion_tokens == 24 and usage.total_tokens == usage.prompt_tokens + 24)
    check("model and fingerprint are given", one.model == MODEL and one.system_fingerprint.startswith("venti-"))
    check("the default is 16 tokens", ask(seed=1).usage.completion_tokens == 16)

    check("a seed reproduces a text", texts(ask(max_tokens=24, seed=7)) == texts(one))
    three = ask(max_tokens=24, seed=7, n=3)
    check("also among several choices", texts(three)[0] == one.choices[0].text and len(set(texts(three))) == 3)
    several = ask(max_tokens=24, seed=7, n=3, prompt=["A team", PROMPT])
    check("also among several prompts", texts(several)[3:] == texts(three))
    check("choices are numbered across prompts", [c.index for c in several.choices] == list(range(6)))
    check("without a seed the text differs", texts(ask(max_tokens=24)) != texts(ask(max_tokens=24)))
    check("greedy text is the same without a seed", texts(ask(temperature=0)) == texts(ask(temperature=0)))

    ids = ask(prompt=[[5, 6, 7], [8, 9]], max_tokens=4, seed=1, echo=True)
    flat = ask(prompt=[5, 6, 7], max_tokens=4, seed=1, echo=True)
    check("prompts may be token ids", ids.usage.prompt_tokens == 5 and texts(ids)[0] == texts(flat)[0])
    empty = ask(prompt="", max_tokens=4, seed=1)
    check("an empty prompt starts a document", empty.usage.prompt_tokens == 1)

    greedy = ask(temperature=0, max_tokens=60).choices[0].text
    stop = greedy.split()[9]
    stopped = ask(temperature=0, max_tokens=60, stop=[stop, "\u0000"], logprobs=0).choices[0]
    check("a text ends before a stop string", stopped.text == greedy[: greedy.index(stop)] and stopped.finish_reason == "stop")
    kept = stopped.logprobs.tokens
    # The last token may extend into the stop string.
    check("its tokens end there too", "".join(kept).startswith(stopped.text) and len("".join(kept[:-1])) < len(stopped.text))
    banned = ask(temperature=0, max_tokens=60, extra_body={"no_repeat_ngram_size": 1})
    words = ask(temperature=0, max_tokens=60, extra_body={"repetition_penalty": 1.5})
    check("Venti's own settings take effect", len({greedy, *texts(banned), *texts(words)}) == 3)


def scores(check: Checks, server: Server) -> None:
    """Checks log probabilities."""
    client = server.client()
    ask = lambda **fields: client.completions.create(**{"model": MODEL, "prompt": PROMPT, **fields})

    written = ask(temperature=0, max_tokens=30, logprobs=5).choices[0]
    scored = written.logprobs
    lists = [scored.tokens, scored.token_logprobs, scored.top_logprobs, scored.text_offset]
    check("each token has a log probability", [len(each) for each in lists] == [30] * 4)
    likeliest = [max(top, key=top.get) for top in scored.top_logprobs]
    check("a greedy token is the most likely one", likeliest == scored.tokens)
    check("probabilities sum to at most 1", all(sum(map(lambda p: 2.718281828459045**p, top.values())) <= 1.0001 for top in scored.top_logprobs))
    check("offsets count characters", all(written.text[at:].startswith(token) for at, token in zip(scored.text_offset, scored.tokens)))

    again = ask(prompt=PROMPT + written.text, max_tokens=0, echo=True, logprobs=5)
    prompt = again.choices[0].logprobs
    check("a prompt can be scored without generating", again.choices[0].text == PROMPT + written.text and again.usage.completion_tokens == 0)
    check("the first prompt token has no log probability", prompt.token_logprobs[0] is None and prompt.top_logprobs[0] is None)
    check("a scored text has the same tokens", prompt.tokens[-30:] == scored.tokens)
    check("the same log probabilities, bit for bit", prompt.token_logprobs[-30:] == scored.token_logprobs)
    check("the same alternatives", prompt.top_logprobs[-30:] == scored.top_logprobs)

    warm = ask(seed=3, temperature=2, max_tokens=30, logprobs=2).choices[0].logprobs
    check("the alternatives include the chosen token", all(token in top and len(top) <= 3 for token, top in zip(warm.tokens, warm.top_logprobs)))
    bent = ask(seed=3, temperature=0.1, max_tokens=1, logprobs=5).choices[0].logprobs
    raw = ask(seed=3, temperature=2, max_tokens=1, logprobs=5).choices[0].logprobs
    same = [token for token in bent.top_logprobs[0] if token in raw.top_logprobs[0]]
    check("settings do not change them", len(same) >= 5 and all(bent.top_logprobs[0][t] == raw.top_logprobs[0][t] for t in same))

    crab = ask(prompt="Café — 🦀", max_tokens=0, echo=True, logprobs=0).choices[0]
    parts = crab.logprobs.tokens
    check("a token with part of a character is given as bytes", any(token.startswith("bytes:") for token in parts))
    check("the joined bytes are the text", b"".join(map(in_bytes, parts)).decode() == crab.text == "Café — 🦀")

    found = 0
    for seed in range(200):
        fields = {"seed": seed, "temperature": 2, "max_tokens": 40, "n": 8, "logprobs": 0}
        odd = ask(**fields)
        parts = [c for c in odd.choices if any(t.startswith("bytes:") for t in c.logprobs.tokens)]
        if not parts:
            continue
        found += 1
        right = all(b"".join(map(in_bytes, c.logprobs.tokens)).decode(errors="replace") == c.text for c in odd.choices)
        streamed, _ = joined(ask(**fields, stream=True))
        if not right or streamed != whole(odd) or found == 3:
            break
    check("the model wrote parts of characters", found > 0)
    check("they are given as bytes", right)
    check("streaming gives the same result", streamed == whole(odd))


def streams(check: Checks, server: Server) -> None:
    """Checks streaming."""
    client = server.client()
    ask = lambda **fields: client.completions.create(**{"model": MODEL, "prompt": PROMPT, **fields})

    fields = {"seed": 11, "max_tokens": 60, "n": 3}
    pieces = list(ask(**fields, stream=True))
    check("a stream has several chunks", len(pieces) > 60)
    check("they have one id and no usage", len({piece.id for piece in pieces}) == 1 and all(piece.usage is None for piece in pieces))
    check("joined, they equal the response", joined(pieces)[0] == whole(ask(**fields)))
    turns = [choice.index for piece in pieces for choice in piece.choices]
    check("the choices are streamed concurrently", turns[: turns.index(0) + 20].count(1) > 0)

    fields |= {"echo": True, "logprobs": 2, "stop": [" the", "\n"], "prompt": [PROMPT, "Café"]}
    usage = {"include_usage": True}
    pieces = list(ask(**fields, stream=True, stream_options=usage))
    answer = ask(**fields)
    check("also with log probabilities, echo and stop strings", joined(pieces)[0] == whole(answer))
    check("the last chunk has the usage", pieces[-1].choices == [] and pieces[-1].usage == answer.usage)
    firsts = {}
    for choice in (choice for piece in pieces for choice in piece.choices):
        firsts.setdefault(choice.index, choice.text)
    check("the first chunk is the prompt", [firsts[index] for index in range(6)] == [PROMPT] * 3 + ["Café"] * 3)

    endless = {"max_tokens": 700, "n": 64, "prompt": "A team"}
    stream = ask(**endless, stream=True)
    next(iter(stream))
    check("a streaming server is busy", not resting_at_once(server))
    stream.close()
    check("closing a stream stops generation", server.rests())
    try:
        client.with_options(timeout=1.5).completions.create(model=MODEL, **endless)
        check("a client can time out", False)
    except openai.APITimeoutError:
        check("a client can time out", True)
        check("a timeout stops generation", server.rests())


def resting_at_once(server: Server) -> bool:
    before = server.cpu()
    time.sleep(0.5)
    return server.cpu() - before <= 2


def refusals(check: Checks, server: Server) -> None:
    """Checks errors."""
    client = server.client()
    ask = lambda **fields: client.completions.create(**{"model": MODEL, "prompt": PROMPT, **fields})
    bad = openai.BadRequestError

    check.raises("unknown model", openai.NotFoundError, 404, "model", "model_not_found", lambda: ask(model="gpt-4"))
    check.raises("retrieving an unknown model", openai.NotFoundError, 404, "model", "model_not_found", lambda: client.models.retrieve("owner/name"))
    check.raises("unknown endpoint", openai.NotFoundError, 404, None, "unknown_url", lambda: client.chat.completions.create(model=MODEL, messages=[]))
    check.raises("more tokens than positions", bad, 400, "prompt", "context_length_exceeded", lambda: ask(max_tokens=POSITIONS))
    check.raises("prompt too long", bad, 400, "prompt", "context_length_exceeded", lambda: ask(prompt=[1] * POSITIONS, max_tokens=0))
    check.raises("unknown token id", bad, 400, "prompt", None, lambda: ask(prompt=[1 << 20]))
    check.raises("no choices", bad, 400, "n", None, lambda: ask(n=0))
    check.raises("too many choices", bad, 400, "n", None, lambda: ask(n=65))
    check.raises("temperature too high", bad, 400, "temperature", None, lambda: ask(temperature=2.5))
    check.raises("unsupported presence penalty", bad, 400, "presence_penalty", None, lambda: ask(presence_penalty=1))
    check.raises("unsupported suffix", bad, 400, "suffix", None, lambda: ask(suffix="the end"))
    check.raises("unsupported logit bias", bad, 400, "logit_bias", None, lambda: ask(logit_bias={"5": 1}))
    check.raises("unsupported best_of", bad, 400, "best_of", None, lambda: ask(best_of=5))
    check.raises("unknown field", bad, 400, "colour", None, lambda: ask(extra_body={"colour": 1}))
    check.raises("body too large", openai.APIStatusError, 413, None, None, lambda: ask(prompt="x" * 1_100_000))
    check.raises("body far too large", openai.APIStatusError, 413, None, None, lambda: ask(prompt="x" * 5_000_000))

    json_type = {"Content-Type": "application/json"}
    body = json.dumps({"model": MODEL, "prompt": PROMPT}).encode()
    post = lambda headers, body=body: server.raw("POST", "/v1/completions", headers, body)
    check("plain JSON request: accepted", post(json_type)[0] == 200)
    check("unknown Host header: rejected", post(json_type | {"Host": "evil.example"})[0] == 403)
    check("foreign Origin header: rejected", post(json_type | {"Origin": "http://evil.example"})[0] == 403)
    check("form data: rejected", post({"Content-Type": "application/x-www-form-urlencoded"})[0] == 415)
    check("incomplete JSON: rejected", post(json_type, b'{"model":')[0] == 400)
    status, headers, answer = server.raw("GET", "/v1/completions", {})
    check("wrong method: rejected", (status, headers["Allow"]) == (405, "POST") and "message" in answer["error"])


def refused_start(venti: Path, key: str | None) -> str:
    """Returns the error message when it refuses to start on a public address, or an empty string."""
    environment = {name: value for name, value in os.environ.items() if name != "VENTI_API_KEY"}
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "venti.yaml").write_text("title: Asked\n", encoding="utf-8")
        command = [venti, "serve", "--api", "--host", "0.0.0.0", "--port", "0"]
        if key is not None:
            command += ["--api-key", key]
        done = subprocess.run(
            command, cwd=scratch, env=environment, stderr=subprocess.PIPE, text=True, timeout=60
        )
    return done.stderr if done.returncode == 1 else ""


def keys(check: Checks, server: Server) -> None:
    """Checks an endpoint with a key."""
    listed = server.client(key="sesame").models.list()
    check("correct key: accepted", [model.id for model in listed] == [MODEL])
    code = "invalid_api_key"
    check.raises("wrong key: rejected", openai.AuthenticationError, 401, None, code, lambda: server.client("simsim").models.list())
    status, headers, _ = server.raw("GET", "/v1/models", {})
    check("missing key: rejected", (status, headers["WWW-Authenticate"]) == (401, "Bearer"))
    far = {"Host": "far.example", "Authorization": "Bearer sesame"}
    check("any Host header with the key: accepted", server.raw("GET", "/v1/models", far)[0] == 200)


async def soak(server: Server, seconds: float, clients: int) -> bool:
    """Streams to many clients for some seconds. Returns whether each seed always gave the same text."""
    client = AsyncOpenAI(base_url=server.base_url, api_key="none", max_retries=0)
    known: dict = {}
    firsts: list = []
    tokens = differing = 0
    began = time.monotonic()

    async def one(number: int) -> None:
        nonlocal tokens, differing
        turn = 0
        # At least two texts per client, even if they are slow.
        while turn < 2 or time.monotonic() - began < seconds:
            # Neighbours share seeds, so that texts are also compared between clients.
            seed = number // 2 * 10 + turn % 2
            turn += 1
            asked, text, first = time.monotonic(), "", None
            stream = await client.completions.create(
                model=MODEL, prompt=PROMPT, seed=seed, max_tokens=64, stream=True,
                stream_options={"include_usage": True},
            )
            async for chunk in stream:
                if first is None:
                    first = time.monotonic() - asked
                    firsts.append(first)
                if chunk.usage is not None:
                    tokens += chunk.usage.completion_tokens
                text += "".join(choice.text for choice in chunk.choices)
            differing += known.setdefault(seed, text) != text

    memory = server.memory()
    await asyncio.gather(*(one(number) for number in range(clients)))
    took = time.monotonic() - began
    await client.close()
    print(f"        {clients} clients, {took:.0f} s: {len(firsts)} texts from {len(known)} seeds, {tokens / took:.0f} tokens/s")
    print(f"        first token after {statistics.median(firsts):.2f} s (median), {max(firsts):.2f} s (worst)")
    print(f"        memory {memory:.0f} MB before, {server.memory():.0f} MB after")
    return differing == 0 and len(firsts) > len(known)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--soak", nargs=2, type=float, metavar=("SECONDS", "CLIENTS"))
    seconds, clients = arguments.parse_args().soak or (5, 8)
    only_soak = len(sys.argv) > 1
    venti, check = build(), Checks()
    with serving(venti) as server:
        if not only_soak:
            for part in [answers, scores, streams, refusals]:
                part(check, server)
        else:
            server.client().completions.create(model=MODEL, prompt=PROMPT)
        same = asyncio.run(soak(server, seconds, int(clients)))
        check("each seed gives one text under concurrent load", same)
    if not only_soak:
        with serving(venti, key="sesame") as server:
            keys(check, server)
        check("a public address requires a key", "VENTI_API_KEY" in refused_start(venti, None))
        check("the key must not be empty", "printable" in refused_start(venti, ""))
    print(f"{check.passed} passed, {check.failed} failed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
