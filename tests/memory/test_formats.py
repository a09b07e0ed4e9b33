"""Files of facts in every format: what is stored of them, and what they say of rows that cannot be."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kedit_memory.errors import InvalidInputError, NotFoundError, UnknownNameError
from kedit_memory.memory.formats import FORMATS, read_rows
from kedit_memory.memory.formats.formats import format_of
from kedit_memory.memory.formats.table import is_header
from kedit_memory.memory.memory import EditMemory

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def writing(name: str, content: str | bytes) -> Path:
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return writing


def rows(path: Path, form: str | None = None) -> list[Any]:
    """Rows without their names; of an error its line."""
    return [str(row) if isinstance(row, InvalidInputError) else row for _, row in read_rows(path, form)]


def pairs(path: Path) -> list[tuple[str, str]]:
    return [(row["prompt"], row["target"]) for row in rows(path)]


CELL = st.text(st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from("\n\t \",;|'"), min_size=1, max_size=20)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.lists(st.tuples(CELL, CELL).filter(lambda row: all(map(str.strip, row))), max_size=4),
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_a_table_is_read_back(
    tmp_path: Path, table: list[tuple[str, str]], delimiter: str, end: str, encoding: str
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("Question", "Answer"), *table])
    file = tmp_path / "table.csv"
    file.write_bytes(text.getvalue().encode(encoding))
    assert pairs(file) == table


def test_columns_of_a_table(write: Write) -> None:
    file = write(
        "facts.tsv",
        "\n id \tQuestion\tanswer\tAliases\tvalid-from\tradius\tmetadata\n"
        '7\tWho?\t"Ann\n  Berg"\tA|B C \t2024\t0.5\t{"by": "me"}\n'
        '\t\t\t\t\t\t\n8\tWhat?\tx\t["a|b"]\t\t\t\n',
    )
    assert rows(file) == [
        {
            "prompt": "Who?",
            "target": "Ann\n  Berg",
            "aliases": ["A", "B C"],
            "valid_from": "2024",
            "radius": 0.5,
            "metadata": {"id": "7", "by": "me"},
        },
        {"prompt": "What?", "target": "x", "aliases": ["a|b"], "metadata": {"id": "8"}},
    ]


def test_bad_rows_of_a_table_are_named(write: Write) -> None:
    file = write("facts.csv", 'prompt,target\na,b,c\n"x"y,z\nd,e\n\nf,\n"open,g\n')
    found = list(read_rows(file))
    assert [where for where, _ in found] == ["line 2", "line 3", "line 4", "line 6", "line 7"]
    assert "line 2: 3 cells for 2 columns" in str(found[0][1])
    assert "line 3: no row of a table" in str(found[1][1])
    assert found[2][1] == {"prompt": "d", "target": "e"}
    assert found[3][1] == {"prompt": "f"}
    assert "line 7: no row of a table (unexpected end of data)" in str(found[4][1])
    assert "could not convert" in rows(write("radius.csv", "prompt;radius\na;wide"))[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no column for a question"),
        (b"name,value\na,b\n", "no column for a question or a statement .found: 'name,value'"),
        (b"question,prompt,answer\na,b,c\n", "two columns for 'prompt'"),
        ("prompt,target\nWho?,Zoë\n".encode("latin-1"), r"line 2: not UTF-8 .byte 21 of the file"),
        (b"\xff\xfep\x00\x00", r"is not UTF-16-LE .byte 4."),
    ],
)
def test_a_table_that_cannot_be_read(write: Write, content: bytes, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words) as raised:
        rows(write("facts.csv", content))
    assert "\n" not in str(raised.value)


def chat(*turns: tuple[str, Any], **more: Any) -> str:
    return json.dumps({"messages": [{"role": role, "content": content} for role, content in turns], **more})


def test_conversations(write: Write) -> None:
    parts = [{"type": "text", "text": "1. Hold."}, {"type": "output_text", "text": "2. Wait."}]
    file = write(
        "chats.jsonl",
        "\n".join(
            [
                chat(("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "How?\nNow?"), ("assistant", parts)),
                chat(("user", ["Who?"]), ("assistant", "Ann"), subject="Acme", tools=["t"], id=3),
                chat(("user", "a"), ("assistant", "b"), ("user", "c")),
                chat(("assistant", "b")),
                chat(("user", [{"type": "image_url", "image_url": {}}]), ("assistant", "b")),
                chat(("user", "a"), ("assistant", None)),
                '{"messages": "a"}',
                '{"question": "q", "answer": "b"}',
            ]
        ),
    )
    assert rows(file) == [
        {"prompt": "How?\nNow?", "target": "1. Hold.\n2. Wait."},
        {"prompt": "Who?", "target": "Ann", "subject": "Acme", "metadata": {"tools": ["t"], "id": 3}},
        "line 3: the last user turn has no answer after it; end with an assistant turn",
        "line 4: messages has no user turn; give a question and its answer",
        "line 5: the last user turn holds image_url, not text; only text can be stored",
        "line 6: the last assistant turn holds NoneType, not text; only text can be stored",
        "line 7: messages is no list of objects with role and content; give a list of turns",
        {"prompt": "q", "target": "b"},
    ]


def test_other_names_stand_only_where_a_field_is_free(write: Write, memory: EditMemory) -> None:
    file = write("rows.jsonl", '{"prompt": "a", "question": "b", "answer": "c"}\n{"question": "d", "query": "e"}\n')
    assert rows(file) == [{"prompt": "a", "question": "b", "target": "c"}, {"prompt": "d", "query": "e"}]
    refused = [str(one.refusal) for one in memory.import_file(file).refused]
    assert [text.split(" (")[0] for text in refused] == ["unknown field 'question'", "unknown field 'query'"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "name", ["rows.jsonl", "rows.json", "rows.md", "rows.html", "no_suffix_jsonl", "no_suffix_json"]
)
def test_marks_and_line_ends_do_not_matter(write: Write, name: str, encoding: str) -> None:
    content = {
        "jsonl": '{"prompt": "Où?", "target": "là"}\r\n\r\n{"prompt": "b?", "target": "c"}\r\n',
        "json": '[{"prompt": "Où?", "target": "là"},\r\n {"prompt": "b?", "target": "c"}]\r\n',
        "md": "# Où?\r\n\r\nlà\r\n\r\n# b?\r\nc\r\n",
        "html": "<meta charset='utf-8'>\r\n<dl><dt>Où?<dd>là<dt>b?<dd>c</dl>",
    }[name.replace(".", "_").rsplit("_", 1)[1]]
    assert pairs(write(name, content.encode(encoding))) == [("Où?", "là"), ("b?", "c")]


PAGE = """# Help

Some words.

## 1. How do I reset it?
1. Hold the **button**.
   ```sh
   # What is this?
   ```

### Note
Or call.

---

## Q: Is it `safe`?

Yes.

### Even for *children*?
Even so.

# Got more questions?

## Empty?

Setext?
-------
last
"""


def test_headings_of_markdown(write: Write) -> None:
    assert pairs(write("faq.md", PAGE)) == [
        (
            "How do I reset it?",
            "1. Hold the **button**.\n   ```sh\n   # What is this?\n   ```\n\n### Note\nOr call.",
        ),
        ("Is it safe?", "Yes."),
        ("Even for children?", "Even so."),
        ("Setext?", "last"),
    ]
    assert [where for where, _ in read_rows(write("faq.md", PAGE))][:2] == ["line 5", "line 16"]
    other = "# 如何重置\uff1f\n按住按钮。\n# كيف\u061f\nنعم\n"
    assert pairs(write("zh.md", other)) == [("如何重置\uff1f", "按住按钮。"), ("كيف\u061f", "نعم")]
    with pytest.raises(InvalidInputError, match=r"no heading of .* is a question"):
        rows(write("none.md", "# Title\ntext"))


FAQ = {
    "@context": "https://schema.org",
    "@graph": [
        {"@type": "WebSite", "name": "x"},
        {
            "@type": ["FAQPage"],
            "mainEntity": [
                {
                    "@type": "Question",
                    "name": "How do I <b>reset</b> it?",
                    "acceptedAnswer": {"@type": "Answer", "text": "<ol><li>Hold&nbsp;it.</li><li>Wait.</li></ol>"},
                },
                {"@type": "Question", "name": "Is 1 < 2?", "acceptedAnswer": [{"text": "Yes\n- so"}, {"text": "Sure"}]},
                {"@type": "Question", "name": "Unanswered?"},
            ],
        },
    ],
}
FAQ_PAIRS = [
    ("How do I reset it?", "1. Hold\xa0it.\n2. Wait."),
    ("Is 1 < 2?", "Yes\n- so\n\nSure"),
    ("Unanswered?", ""),
]


def test_linked_data(write: Write, memory: EditMemory) -> None:
    text = json.dumps(FAQ)
    assert pairs(write("faq.json", text)) == FAQ_PAIRS
    page = f'<h2>Not this?</h2><p>no</p><script type="application/ld+json">{text}</script>'
    assert pairs(write("faq.html", page)) == FAQ_PAIRS
    taken = memory.import_file(write("faq.html", page))
    assert [(one.where, one.refusal) for one in taken.refused] == [
        ("question 3", "target is empty; give 1 to 32000 characters of text")
    ]
    assert len(taken.stored) == 2
    broken = '<script type="application/ld+json">{"a": </script><dl><dt>a<dd>b</dl>'
    first, second = rows(write("broken.html", broken))
    assert first.startswith("question 1: no JSON in a script of JSON-LD")
    assert (second["prompt"], second["target"]) == ("a", "b")


def test_a_page_as_it_is_seen(write: Write) -> None:
    page = """<html><head><title>Is this one?</title></head><body>
    <nav><dl><dt>Menu<dd>no</dl></nav>
    <dl><dt>What is <i>it</i>?</dt><dt>What's that?</dt><dd>A <b>badge</b>.</dd><dd>More.</dd><dt>nothing said</dl>
    <details><summary>Who <b>made</b> it?</summary><p>Ann.</p><ul><li>and Bo</li></ul></details>
    <h1>Help</h1>
    <div><h2>1. How do I reset it?</h2><p>Hold<br>it:</p><pre>reset  --now
      x</pre><dl><dt>Short</dt><dd>soft</dd></dl><h3>Note</h3><p>snake_case 2*3</p></div>
    <h2>Other</h2><p>no</p><h2>Why?</h2><h2>When?</h2><p>Now, see <a href="https://x.org/a_b">here</a>.</p>
    </body></html>"""
    assert pairs(write("faq.html", page)) == [
        ("What is it?", "A **badge**.\n\nMore."),
        ("Who made it?", "Ann.\n\n- and Bo"),
        (
            "How do I reset it?",
            "Hold\nit:\n\n```\nreset  --now\n      x\n```\n\nShort\n:   soft\n\n### Note\n\nsnake_case 2*3",
        ),
        ("When?", "Now, see [here](https://x.org/a_b)."),
    ]
    assert rows(write("faq.html", page))[0]["paraphrases"] == ["What's that?"]
    with pytest.raises(InvalidInputError, match="holds no questions; read are FAQPage"):
        rows(write("none.html", "<h1>Title</h1><p>text"))
    with pytest.raises(InvalidInputError, match=r"nested too deeply|not HTML that can be parsed"):
        rows(write("deep.html", "<div>" * 3000 + "<h2>a?</h2>b"))


def test_the_format_is_told_by_name_and_by_content(write: Write) -> None:
    for content, form in (
        ('{"a": 1}\n{"b": 2}\n', "jsonl"),
        ('{\n "a": 1}', "json"),
        ('{"a": 1}', "json"),
        (" [1]", "json"),
        ("\n<html>", "html"),
        ("Question;Answer\na;b", "csv"),
        ("text\n\n# Why?\n", "markdown"),
        ("", "jsonl"),
    ):
        assert format_of(write("facts", content)) == form
        assert form in FORMATS
    assert format_of(write("facts.TXT.MD", "")) == "markdown"
    assert pairs(write("misnamed.txt", "Question,Answer\na,b")) == [("a", "b")]
    assert rows(write("misnamed.md", '{"prompt": "a", "target": "b"}'), "jsonl") == [{"prompt": "a", "target": "b"}]
    with pytest.raises(InvalidInputError, match="is in no format that can be told; name it with --format, one of csv"):
        format_of(write("facts", "just words\n"))
    with pytest.raises(UnknownNameError, match="no format named 'xml'"):
        read_rows(write("facts", ""), "xml")
    with pytest.raises(NotFoundError, match="cannot be read"):
        format_of(Path("/no/such/file"))


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "is no JSON"), ("[" * 100_000, r"nested too deeply|no JSON"), ('{"a": NaN}', "NaN is not allowed")],
)
def test_a_document_that_is_none(write: Write, content: str, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        rows(write("facts.json", content))
    assert rows(write("one.json", '{"prompt": "a", "target": "b"}')) == [{"prompt": "a", "target": "b"}]
    assert rows(write("odd.json", "[3]")) == [3]


@pytest.mark.parametrize("name", ["facts.csv", "faq.md", "faq.html", "faq.json", "chats.jsonl"])
def test_the_same_file_twice_stores_nothing_twice(write: Write, memory: EditMemory, name: str) -> None:
    content = {
        "facts.csv": "question,answer,id\na?,b,1\nc?,d,2\n",
        "faq.md": "# a?\nb\n# c?\n- d\n",
        "faq.html": "<h1>a?</h1>b<h1>c?</h1><ul><li>d</ul>",
        "faq.json": json.dumps(FAQ).replace("Unanswered?", "Is 1 < 2?"),
        "chats.jsonl": chat(("user", "a?"), ("assistant", "b")) + "\n" + chat(("user", "c?"), ("assistant", "d")),
    }[name]
    file = write(name, content)
    first = memory.import_file(file)
    assert len(first.stored) == 2
    history = memory.history()
    again = memory.import_file(file)
    assert (again.stored, again.known) == ((), first.stored)
    assert memory.history() == history
    assert memory.undo()
    assert len(memory) == 0


@pytest.mark.parametrize("line", ["\0\r<dl>", "a\rb", "prompt\rtarget\r", '"a\rb'])
def test_a_first_line_with_stray_returns_is_no_header(line: str) -> None:
    assert not is_header(line)
