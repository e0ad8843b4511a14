"""A real llama.cpp server with a tiny model: our own embedded one, and as a provider in all three protocols."""

import socket

import pandas as pd
import pytest

from reasonbook import Field, Schema
from reasonbook.augment import Augmentation, AugmentConfig
from reasonbook.data.frame import Frame
from reasonbook.data.layout import detect
from reasonbook.errors import TeacherError
from reasonbook.teachers import Request, resolve

xllamacpp = pytest.importorskip("xllamacpp")
pytest.importorskip("gguf")

SCHEMA = Schema(
    [
        Field("Intent", "Say what is asked for."),
        Field("Urgency", "Judge how soon.", type="choice", options=("low", "high"), required=True),
        Field("Angry", "Whether the person is angry.", type="boolean", required=True),
        Field("Score", "From 0 to 9.", type="number"),
        Field("Dringlichkeit Ü", "Any tags.", type="list", optional=True),
    ]
)


@pytest.fixture(scope="module")
def gguf_file(tmp_path_factory):
    from .tiny_gguf import write_tiny_gguf

    return write_tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(scope="module")
def server(gguf_file):
    """A llama.cpp server as somebody else would run it."""
    given = xllamacpp.CommonParams()
    given.model.path = str(gguf_file)
    given.hostnames, given.port, given.ui = ["127.0.0.1"], 0, False
    given.n_parallel, given.n_ctx, given.verbosity = 4, 4 * 4096, -1
    given.cpuparams.n_threads = 1
    return xllamacpp.Server(given)


def frame_of(n):
    df = pd.DataFrame({"prompt": [f"Request {i}" for i in range(n)], "response": ["Yes."] * n})
    return df, Frame(df, detect(df))


@pytest.mark.slow
def test_every_answer_of_a_random_model_has_the_right_form(gguf_file):
    df, frame = frame_of(8)
    job = Augmentation(frame, SCHEMA, f"llamacpp:{gguf_file}", AugmentConfig(max_tokens=900)).start().wait()
    # A random model may ramble past the bound; whatever is called ok fits the schema, in its order.
    good = df[df["reasoning_status"] == "ok"]
    assert len(good) >= 5, job.errors["error"].tolist()
    for values in good["reasoning"]:
        assert list(values) == list(SCHEMA.names)
        assert SCHEMA.read(values) == values
        assert values["Urgency"] in ("low", "high") and isinstance(values["Angry"], bool)
    assert job.usage.output > 0 and job.cost == 0.0


@pytest.mark.slow
def test_a_row_that_runs_on_is_cut_by_its_schema_and_says_so(gguf_file):
    """A random model hardly ever ends a text by itself: without a bound its grammar let it write for minutes."""
    df, frame = frame_of(3)
    schema = Schema(
        [
            Field("Text", "Say what is asked for.", max_length=20, required=True),
            Field("Items", "Any.", type="list", max_length=2, required=True),
        ]
    )
    job = Augmentation(
        frame, schema, f"llamacpp:{gguf_file}", AugmentConfig(temperature=0.0, reasks=0)
    ).start()
    try:
        job.wait()
    except TeacherError:
        pass
    for status, error in zip(df["reasoning_status"], df["reasoning_error"], strict=True):
        assert status == "ok" or "at most 20 characters, not 21" in error or "cut at" in error, error
    assert "error" in df["reasoning_status"].tolist(), "this model was to run on"
    assert job.usage.output / job.usage.calls <= schema.answer_tokens()


@pytest.mark.slow
def test_without_any_word_of_length_a_row_is_bounded_too(gguf_file):
    _, frame = frame_of(1)
    schema = Schema([Field("Text", "Say what is asked for.", required=True)])
    job = Augmentation(
        frame, schema, f"llamacpp:{gguf_file}", AugmentConfig(temperature=0.0, reasks=0)
    ).start()
    with pytest.raises(TeacherError, match="cut at the token limit"):
        job.wait()
    # One letter is one token here, so that the bound in tokens comes before the one in letters.
    assert job.usage.output == schema.answer_tokens() < 700


def test_the_server_is_gone_after_the_job(gguf_file):
    import asyncio

    async def once():
        teacher = resolve(f"llamacpp:{gguf_file}")
        answer = await teacher.complete(Request("You are brief.", "Hello", max_tokens=8))
        url = teacher.url
        await teacher.close()
        return answer, url, teacher.url

    answer, url, after = asyncio.run(once())
    assert 1 <= answer.usage.output <= 8 and answer.usage.input > 5
    assert url.startswith("http://127.0.0.1:") and after is None
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 1):
        pass


def test_a_row_longer_than_the_context_is_an_error_of_that_row(gguf_file):
    from reasonbook.teachers.llamacpp import LlamaCpp

    df = pd.DataFrame({"prompt": ["short", "long " * 2000], "response": ["a", "b"]})
    teacher = LlamaCpp(gguf_file, parallel=1, context=2048)
    schema = Schema([Field("Angry", "Whether.", type="boolean")])
    Augmentation(Frame(df, detect(df)), schema, teacher).start().wait()
    assert df["reasoning_status"].tolist() == ["ok", "error"]
    assert "context" in df["reasoning_error"][1]


def test_the_name_tells_files_apart_and_not_folders(gguf_file, tmp_path):
    from .tiny_gguf import write_tiny_gguf

    same = write_tiny_gguf(tmp_path / "tiny.gguf")
    (tmp_path / "other").mkdir()
    other = write_tiny_gguf(tmp_path / "other" / "tiny.gguf", seed=1)
    names = [resolve(f"llamacpp:{path}").name for path in (gguf_file, same, other)]
    assert names[0] == names[1] != names[2]
    assert str(tmp_path) not in names[1]


def test_a_file_that_is_not_there_or_not_a_model_is_said(tmp_path):
    with pytest.raises(TeacherError, match="no GGUF file"):
        resolve("llamacpp:nowhere.gguf")
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"not a model")
    _, frame = frame_of(2)
    with pytest.raises(TeacherError, match="cannot load"):
        Augmentation(frame, SCHEMA, f"llamacpp:{broken}").start().wait()


@pytest.mark.slow
@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_foreign_server_in_openais_protocols(server, api):
    from reasonbook.teachers.openai import OpenAI

    df, frame = frame_of(4)
    teacher = OpenAI("tiny", base_url=f"{server.listening_address}/v1", api=api)
    config = AugmentConfig(method="chain_of_thought", max_tokens=600)
    job = Augmentation(frame, SCHEMA, teacher, config).start().wait()
    assert (df["reasoning_status"] == "ok").sum() >= 2, job.errors["error"].tolist()
    assert all(set(v) == {"Chain of Thought"} for v in df["reasoning"].dropna())
    assert job.usage.input > 0 and job.usage.output > 0


@pytest.mark.slow
def test_a_foreign_server_in_anthropics_protocol(server):
    from reasonbook.teachers.anthropic import Anthropic

    df, frame = frame_of(4)
    teacher = Anthropic("tiny", base_url=server.listening_address)
    config = AugmentConfig(method="chain_of_thought", max_tokens=600)
    job = Augmentation(frame, SCHEMA, teacher, config).start().wait()
    assert (df["reasoning_status"] == "ok").sum() >= 2, job.errors["error"].tolist()
    assert job.usage.output > 0


@pytest.mark.slow
def test_free_text_where_fields_are_wanted_is_never_taken_for_an_answer(server):
    """This server takes a schema in the Responses protocol and does not keep to it: rows fail, none is wrong."""
    from reasonbook.teachers.openai import OpenAI

    df, frame = frame_of(3)
    teacher = OpenAI("tiny", base_url=f"{server.listening_address}/v1", api="responses")
    job = Augmentation(frame, SCHEMA, teacher, AugmentConfig(max_tokens=200)).start()
    with pytest.raises(TeacherError):
        job.wait()
    assert df["reasoning_status"].tolist() == ["error"] * 3
    assert job.errors["text"].str.len().gt(0).all() and job.errors["output_tokens"].gt(0).all()
