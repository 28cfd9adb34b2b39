#!/usr/bin/env python3
"""Tests Venti's endpoint with OpenAI's Python client.

Starts `venti serve --api` on an empty site with the embedded model, and tests everything that the
`openai` package supports: models, completions, several prompts, tokens, streaming, log probabilities
and errors. Needs that package (`pip install openai`) and cargo, and uses only local connections. Prints
one line per check and ends with `N passed, N failed`. The tests of crates/serve cover each parameter.
"""

import ast
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from ci_program import Checks, build

try:
    import openai
    from openai import OpenAI
except ImportError:
    sys.exit("openai is missing: pip install openai")

MODEL = "venti-mini"
PROMPT = "On Roadmaps\n\nA roadmap is"
POSITIONS = 768
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "VENTI_API_KEY"}


class Server:
    """A running preview server with its endpoint."""

    def __init__(self, process: subprocess.Popen, base_url: str):
        self.process = process
        self.base_url = base_url

    def client(self, key: str = "none") -> OpenAI:
        return OpenAI(base_url=self.base_url, api_key=key, max_retries=0)

    def cpu(self) -> int:
        """Returns the processor time used so far, in ticks."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def is_idle(self) -> bool:
        """Returns whether the server uses hardly any processor time for half a second."""
        before = self.cpu()
        time.sleep(0.5)
        return self.cpu() - before <= 2

    def rests(self) -> bool:
        """Returns whether the server becomes idle within about ten seconds."""
        return any(self.is_idle() for _ in range(20))


@contextmanager
def serving(venti: Path, key: str | None = None):
    """Runs a server on a site without seeds."""
    key_variable = {"VENTI_API_KEY": key} if key else {}
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "venti.yaml").write_text("title: Asked\n", encoding="utf-8")
        Path(scratch, "content", "seeds").mkdir(parents=True)
        process = subprocess.Popen(
            [venti, "serve", "--api", "--port", "0", "--offline"],
            cwd=scratch,
            env=ENVIRONMENT | key_variable,
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
            yield Server(process, said[-1].split()[1])
        finally:
            late.cancel()
            process.terminate()
            process.communicate()


def raises(check: Checks, name: str, kind: type, status: int, param, code, ask) -> None:
    """Checks that `ask` raises the documented exception."""
    got = None
    try:
        ask()
    except openai.APIStatusError as error:
        got = (type(error), error.status_code, error.param, error.code)
    check(name if got == (kind, status, param, code) else f"{name}: {got}", got == (kind, status, param, code))


def in_bytes(token: str) -> bytes:
    """Decodes OpenAI's notation for the bytes of a token."""
    if token.startswith("bytes:"):
        return ast.literal_eval("b'" + token.removeprefix("bytes:") + "'")
    return token.encode()


def joined(chunks) -> tuple:
    """Joins the chunks of a stream. Returns the choices and the usage of the whole response."""
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
    """Returns the choices of a response in the form that `joined` returns."""
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
    guided = ask(temperature=0, max_tokens=60, extra_body={"guidance_scale": 2})
    check("Venti's own settings take effect", len({greedy, *texts(banned), *texts(words), *texts(guided)}) == 4)


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
    check("a streaming server is busy", not server.is_idle())
    stream.close()
    check("closing a stream stops generation", server.rests())
    try:
        client.with_options(timeout=1.5).completions.create(model=MODEL, **endless)
        check("a client can time out", False)
    except openai.APITimeoutError:
        check("a client can time out", True)
        check("a timeout stops generation", server.rests())


def refusals(check: Checks, server: Server) -> None:
    """Checks that each kind of error becomes the right exception."""
    client = server.client()
    ask = lambda **fields: client.completions.create(**{"model": MODEL, "prompt": PROMPT, **fields})
    missing, bad, code = openai.NotFoundError, openai.BadRequestError, "context_length_exceeded"
    raises(check, "unknown model", missing, 404, "model", "model_not_found", lambda: ask(model="gpt-4"))
    raises(check, "retrieving an unknown model", missing, 404, "model", "model_not_found", lambda: client.models.retrieve("owner/name"))
    raises(check, "unknown endpoint", missing, 404, None, "unknown_url", lambda: client.chat.completions.create(model=MODEL, messages=[]))
    raises(check, "more tokens than positions", bad, 400, "prompt", code, lambda: ask(max_tokens=POSITIONS))
    raises(check, "unknown token id", bad, 400, "prompt", None, lambda: ask(prompt=[1 << 20]))
    raises(check, "temperature too high", bad, 400, "temperature", None, lambda: ask(temperature=2.5))
    raises(check, "unsupported logit bias", bad, 400, "logit_bias", None, lambda: ask(logit_bias={"5": 1}))
    raises(check, "unknown field", bad, 400, "colour", None, lambda: ask(extra_body={"colour": 1}))
    raises(check, "body far too large", openai.APIStatusError, 413, None, None, lambda: ask(prompt="x" * 5_000_000))


def concurrent(check: Checks, server: Server) -> None:
    """Checks that many clients at the same time do not change each other's texts."""
    def text(seed: int) -> str:
        stream = server.client().completions.create(
            model=MODEL, prompt=PROMPT, seed=seed, max_tokens=64, stream=True
        )
        return joined(stream)[0][0]["text"]

    seeds = [number % 10 for number in range(50)]
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(text, seeds))
    check("each seed gives one text under concurrent load", len(set(zip(seeds, texts))) == 10)


def keys(check: Checks, server: Server) -> None:
    """Checks an endpoint with a key."""
    listed = server.client(key="sesame").models.list()
    check("correct key: accepted", [model.id for model in listed] == [MODEL])
    wrong, code = server.client("simsim"), "invalid_api_key"
    raises(check, "wrong key: rejected", openai.AuthenticationError, 401, None, code, lambda: wrong.models.list())


def main() -> int:
    venti, check = build("--bin", "venti"), Checks()
    with serving(venti) as server:
        for part in [answers, scores, streams, refusals, concurrent]:
            part(check, server)
    with serving(venti, key="sesame") as server:
        keys(check, server)
    command = [venti, "serve", "--api", "--host", "0.0.0.0", "--port", "0"]
    public = subprocess.run(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True, timeout=60)
    check("a public address requires a key", public.returncode == 1 and "VENTI_API_KEY" in public.stderr)
    return check.exit_status()


if __name__ == "__main__":
    sys.exit(main())
