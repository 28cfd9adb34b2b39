#!/usr/bin/env python3
"""Proves Venti's endpoint against OpenAI's own client.

Starts `venti serve --api` on a small site of its own, with the embedded model, and asks it for
whatever the `openai` package can: models, completions, lists of prompts, tokens, streams, scores,
and what must be refused. Needs that package (`pip install openai`) and cargo; opens no connection
beyond this machine. Prints one line a check and ends with `N passed, N failed`.

With `--soak SECONDS CLIENTS` so many clients stream at once for so long, each asking for the texts
of its seeds again and again, which must not change; then it says how fast that was.
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
    # Of the whole workspace, as `cargo test` builds it, so that no dependency is compiled again.
    done = subprocess.run(
        [*command, "--bin", "venti"], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True
    )
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    return Path([m["executable"] for m in messages if m.get("executable")][-1])


class Server:
    """A preview with its endpoint, and the process it runs in."""

    def __init__(self, process: subprocess.Popen, address: str):
        self.process = process
        self.address = address
        self.base_url = f"http://{address}/v1"

    def client(self, key: str = "none", retries: int = 0) -> OpenAI:
        return OpenAI(base_url=self.base_url, api_key=key, max_retries=retries)

    def raw(self, method: str, path: str, headers: dict, body: bytes | None = None) -> tuple:
        """Status, headers and answer of a request made by hand."""
        connection = http.client.HTTPConnection(self.address, timeout=60)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        return response.status, response.headers, answer

    def cpu(self) -> int:
        """Processor time it took until now, in ticks."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def memory(self) -> float:
        """What it holds in memory, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        kilobytes = [line.split()[1] for line in status if line.startswith("VmRSS:")]
        return int(kilobytes[0]) / 1000

    def rests(self) -> bool:
        """Whether it comes to rest soon."""
        for _ in range(20):
            before = self.cpu()
            time.sleep(0.5)
            if self.cpu() - before <= 2:
                return True
        return False


@contextmanager
def serving(venti: Path, key: str | None = None):
    """A server on a site that has nothing to write."""
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
        # Whatever keeps it from its address must not keep the check from its end.
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
    """What holds and what does not."""

    def __init__(self):
        self.passed = self.failed = 0

    def __call__(self, name: str, holds: bool) -> None:
        self.passed, self.failed = self.passed + bool(holds), self.failed + (not holds)
        print(("ok      " if holds else "FAILED  ") + name, flush=True)

    def raises(self, name: str, kind: type, status: int, param, code, ask) -> None:
        """That the client raises what OpenAI's documentation says."""
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
    """The bytes of a token as OpenAI writes them."""
    if token.startswith("bytes:"):
        return ast.literal_eval("b'" + token.removeprefix("bytes:") + "'")
    return token.encode()


def joined(chunks) -> tuple:
    """The choices of a stream's pieces, and its usage."""
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
    """The choices of an answer in the same form."""
    return [choice.model_dump(exclude={"index"}) for choice in completion.choices]


def texts(completion) -> list:
    return [choice.text for choice in completion.choices]


def answers(check: Checks, server: Server) -> None:
    """What is answered."""
    client = server.client()
    ask = lambda **fields: client.completions.create(**{"model": MODEL, "prompt": PROMPT, **fields})

    listed = [model.id for model in client.models.list()]
    check("the model is listed", listed == [MODEL])
    check("and shown by its name", client.models.retrieve(MODEL).id == MODEL)

    one = ask(max_tokens=24, seed=7)
    check("a completion has its text and its end", one.choices[0].text != "" and one.choices[0].finish_reason == "length")
    usage = one.usage
    check("what it took is counted", usage.completion_tokens == 24 and usage.total_tokens == usage.prompt_tokens + 24)
    check("who wrote it is said", one.model == MODEL and one.system_fingerprint.startswith("venti-"))
    check("16 tokens are the default", ask(seed=1).usage.completion_tokens == 16)

    check("a seed gives the same text again", texts(ask(max_tokens=24, seed=7)) == texts(one))
    three = ask(max_tokens=24, seed=7, n=3)
    check("and in company", texts(three)[0] == one.choices[0].text and len(set(texts(three))) == 3)
    several = ask(max_tokens=24, seed=7, n=3, prompt=["A team", PROMPT])
    check("and as one of several prompts", texts(several)[3:] == texts(three))
    check("whose choices are numbered through", [c.index for c in several.choices] == list(range(6)))
    check("without a seed it is another text", texts(ask(max_tokens=24)) != texts(ask(max_tokens=24)))
    check("greedy needs no seed", texts(ask(temperature=0)) == texts(ask(temperature=0)))

    ids = ask(prompt=[[5, 6, 7], [8, 9]], max_tokens=4, seed=1, echo=True)
    flat = ask(prompt=[5, 6, 7], max_tokens=4, seed=1, echo=True)
    check("prompts may be tokens", ids.usage.prompt_tokens == 5 and texts(ids)[0] == texts(flat)[0])
    empty = ask(prompt="", max_tokens=4, seed=1)
    check("an empty prompt is the beginning of a document", empty.usage.prompt_tokens == 1)

    greedy = ask(temperature=0, max_tokens=60).choices[0].text
    stop = greedy.split()[9]
    stopped = ask(temperature=0, max_tokens=60, stop=[stop, "\u0000"], logprobs=0).choices[0]
    check("a text ends before a stop string", stopped.text == greedy[: greedy.index(stop)] and stopped.finish_reason == "stop")
    kept = stopped.logprobs.tokens
    # The last one may reach into the stop string.
    check("and so do its tokens", "".join(kept).startswith(stopped.text) and len("".join(kept[:-1])) < len(stopped.text))
    banned = ask(temperature=0, max_tokens=60, extra_body={"no_repeat_ngram_size": 1})
    words = ask(temperature=0, max_tokens=60, extra_body={"repetition_penalty": 1.5})
    check("Venti's own settings are taken", len({greedy, *texts(banned), *texts(words)}) == 3)


def scores(check: Checks, server: Server) -> None:
    """Log probabilities."""
    client = server.client()
    ask = lambda **fields: client.completions.create(**{"model": MODEL, "prompt": PROMPT, **fields})

    written = ask(temperature=0, max_tokens=30, logprobs=5).choices[0]
    scored = written.logprobs
    lists = [scored.tokens, scored.token_logprobs, scored.top_logprobs, scored.text_offset]
    check("each token has its scores", [len(each) for each in lists] == [30] * 4)
    likeliest = [max(top, key=top.get) for top in scored.top_logprobs]
    check("a greedy token is the likeliest", likeliest == scored.tokens)
    check("probabilities sum to no more than one", all(sum(map(lambda p: 2.718281828459045**p, top.values())) <= 1.0001 for top in scored.top_logprobs))
    check("offsets are characters of the text", all(written.text[at:].startswith(token) for at, token in zip(scored.text_offset, scored.tokens)))

    again = ask(prompt=PROMPT + written.text, max_tokens=0, echo=True, logprobs=5)
    prompt = again.choices[0].logprobs
    check("a prompt is scored without writing", again.choices[0].text == PROMPT + written.text and again.usage.completion_tokens == 0)
    check("nothing comes before its first token", prompt.token_logprobs[0] is None and prompt.top_logprobs[0] is None)
    check("the tokens are the same", prompt.tokens[-30:] == scored.tokens)
    check("and so are their scores, bit for bit", prompt.token_logprobs[-30:] == scored.token_logprobs)
    check("and what else was likely", prompt.top_logprobs[-30:] == scored.top_logprobs)

    warm = ask(seed=3, temperature=2, max_tokens=30, logprobs=2).choices[0].logprobs
    check("the chosen token is among the likeliest", all(token in top and len(top) <= 3 for token, top in zip(warm.tokens, warm.top_logprobs)))
    bent = ask(seed=3, temperature=0.1, max_tokens=1, logprobs=5).choices[0].logprobs
    raw = ask(seed=3, temperature=2, max_tokens=1, logprobs=5).choices[0].logprobs
    same = [token for token in bent.top_logprobs[0] if token in raw.top_logprobs[0]]
    check("no setting bends them", len(same) >= 5 and all(bent.top_logprobs[0][t] == raw.top_logprobs[0][t] for t in same))

    crab = ask(prompt="Café — 🦀", max_tokens=0, echo=True, logprobs=0).choices[0]
    parts = crab.logprobs.tokens
    check("a part of a character is told as its bytes", any(token.startswith("bytes:") for token in parts))
    check("which joined are the text", b"".join(map(in_bytes, parts)).decode() == crab.text == "Café — 🦀")

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
    check("which are told as their bytes", right)
    check("and streamed whole", streamed == whole(odd))


def streams(check: Checks, server: Server) -> None:
    """What comes in pieces."""
    client = server.client()
    ask = lambda **fields: client.completions.create(**{"model": MODEL, "prompt": PROMPT, **fields})

    fields = {"seed": 11, "max_tokens": 60, "n": 3}
    pieces = list(ask(**fields, stream=True))
    check("a stream comes in pieces", len(pieces) > 60)
    check("with one id and no usage", len({piece.id for piece in pieces}) == 1 and all(piece.usage is None for piece in pieces))
    check("joined they are the answer", joined(pieces)[0] == whole(ask(**fields)))
    turns = [choice.index for piece in pieces for choice in piece.choices]
    check("and the choices come together", turns[: turns.index(0) + 20].count(1) > 0)

    fields |= {"echo": True, "logprobs": 2, "stop": [" the", "\n"], "prompt": [PROMPT, "Café"]}
    usage = {"include_usage": True}
    pieces = list(ask(**fields, stream=True, stream_options=usage))
    answer = ask(**fields)
    check("so they are with scores, echo and stop strings", joined(pieces)[0] == whole(answer))
    check("the last piece says what it took", pieces[-1].choices == [] and pieces[-1].usage == answer.usage)
    firsts = {}
    for choice in (choice for piece in pieces for choice in piece.choices):
        firsts.setdefault(choice.index, choice.text)
    check("the first piece is the prompt", [firsts[index] for index in range(6)] == [PROMPT] * 3 + ["Café"] * 3)

    endless = {"max_tokens": 700, "n": 64, "prompt": "A team"}
    stream = ask(**endless, stream=True)
    next(iter(stream))
    check("a server that streams is at work", not resting_at_once(server))
    stream.close()
    check("whoever leaves a stream is written for no longer", server.rests())
    try:
        client.with_options(timeout=1.5).completions.create(model=MODEL, **endless)
        check("a client may lose patience", False)
    except openai.APITimeoutError:
        check("a client may lose patience", True)
    check("and is written for no longer", server.rests())


def resting_at_once(server: Server) -> bool:
    before = server.cpu()
    time.sleep(0.5)
    return server.cpu() - before <= 2


def refusals(check: Checks, server: Server) -> None:
    """What is refused."""
    client = server.client()
    ask = lambda **fields: client.completions.create(**{"model": MODEL, "prompt": PROMPT, **fields})
    bad = openai.BadRequestError

    check.raises("another model", openai.NotFoundError, 404, "model", "model_not_found", lambda: ask(model="gpt-4"))
    check.raises("another model, looked up", openai.NotFoundError, 404, "model", "model_not_found", lambda: client.models.retrieve("owner/name"))
    check.raises("another endpoint", openai.NotFoundError, 404, None, "unknown_url", lambda: client.chat.completions.create(model=MODEL, messages=[]))
    check.raises("more than the model has positions", bad, 400, "prompt", "context_length_exceeded", lambda: ask(max_tokens=POSITIONS))
    check.raises("too long a prompt", bad, 400, "prompt", "context_length_exceeded", lambda: ask(prompt=[1] * POSITIONS, max_tokens=0))
    check.raises("a token that is none", bad, 400, "prompt", None, lambda: ask(prompt=[1 << 20]))
    check.raises("no choices", bad, 400, "n", None, lambda: ask(n=0))
    check.raises("too many choices", bad, 400, "n", None, lambda: ask(n=65))
    check.raises("too much temperature", bad, 400, "temperature", None, lambda: ask(temperature=2.5))
    check.raises("a penalty Venti has not", bad, 400, "presence_penalty", None, lambda: ask(presence_penalty=1))
    check.raises("a suffix", bad, 400, "suffix", None, lambda: ask(suffix="the end"))
    check.raises("a bias", bad, 400, "logit_bias", None, lambda: ask(logit_bias={"5": 1}))
    check.raises("more written than given", bad, 400, "best_of", None, lambda: ask(best_of=5))
    check.raises("what nobody knows", bad, 400, "colour", None, lambda: ask(extra_body={"colour": 1}))
    check.raises("a body that is too large", openai.APIStatusError, 413, None, None, lambda: ask(prompt="x" * 1_100_000))
    check.raises("a body that is far too large", openai.APIStatusError, 413, None, None, lambda: ask(prompt="x" * 5_000_000))

    json_type = {"Content-Type": "application/json"}
    body = json.dumps({"model": MODEL, "prompt": PROMPT}).encode()
    post = lambda headers, body=body: server.raw("POST", "/v1/completions", headers, body)
    check("raw JSON is answered", post(json_type)[0] == 200)
    check("a name that others can give is not", post(json_type | {"Host": "evil.example"})[0] == 403)
    check("nor a page of another site", post(json_type | {"Origin": "http://evil.example"})[0] == 403)
    check("a form is no JSON", post({"Content-Type": "application/x-www-form-urlencoded"})[0] == 415)
    check("nor is half an object", post(json_type, b'{"model":')[0] == 400)
    status, headers, answer = server.raw("GET", "/v1/completions", {})
    check("another method", (status, headers["Allow"]) == (405, "POST") and "message" in answer["error"])


def refused_start(venti: Path, key: str | None) -> str:
    """What is said when it does not start where others can reach it."""
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
    """An endpoint with a key."""
    listed = server.client(key="sesame").models.list()
    check("the right key is let in", [model.id for model in listed] == [MODEL])
    code = "invalid_api_key"
    check.raises("a wrong one is not", openai.AuthenticationError, 401, None, code, lambda: server.client("simsim").models.list())
    status, headers, _ = server.raw("GET", "/v1/models", {})
    check("nor is none", (status, headers["WWW-Authenticate"]) == (401, "Bearer"))
    far = {"Host": "far.example", "Authorization": "Bearer sesame"}
    check("by whatever name it is asked", server.raw("GET", "/v1/models", far)[0] == 200)


async def soak(server: Server, seconds: float, clients: int) -> bool:
    """So many clients that stream at once for so long; whether every seed had one text."""
    client = AsyncOpenAI(base_url=server.base_url, api_key="none", max_retries=0)
    known: dict = {}
    firsts: list = []
    tokens = differing = 0
    began = time.monotonic()

    async def one(number: int) -> None:
        nonlocal tokens, differing
        turn = 0
        # Each has two texts at least, however slow it is.
        while turn < 2 or time.monotonic() - began < seconds:
            # Neighbours share seeds, so that a text is also compared between clients.
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
    print(f"        {clients} clients, {took:.0f} s: {len(firsts)} texts of {len(known)} seeds, {tokens / took:.0f} tokens/s")
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
        check("every seed has one text, however many ask at once", same)
    if not only_soak:
        with serving(venti, key="sesame") as server:
            keys(check, server)
        check("where others can reach it, it needs a key", "VENTI_API_KEY" in refused_start(venti, None))
        check("which is not empty", "printable" in refused_start(venti, ""))
    print(f"{check.passed} passed, {check.failed} failed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
