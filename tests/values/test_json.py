"""A file of the store: UTF-8, JSON (RFC 8259), nothing that could be read in two ways."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from hypothesis import given

from gitmodelstore.errors import FormatError
from gitmodelstore.values import json as json_rules

from .strategies import HIDDEN, free_json

MOST = 1024 * 1024


def parse(data: bytes) -> Any:
    return json_rules.parse(data, "churn.json", most_bytes=MOST)


class TestParse:
    @given(free_json())
    def test_what_dump_wrote_reads_back(self, value: Any) -> None:
        data = json_rules.dump(value)

        assert parse(data) == value
        assert json_rules.dump(parse(data)) == data

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b'{"a": 1, "a": 2}', ": the key 'a' appears twice in one object"),
            (b'[{"x": {"a": 1, "b": 2, "a": 1}}]', ": the key 'a' appears twice in one object"),
            (b'{"\\u202e": 1, "\\u202e": 2}', r": the key '\u202e' appears twice in one object"),
            (b"NaN", ": NaN is not a finite number"),
            (b'{"m": {"auc": NaN}}', ": m.auc: NaN is not a finite number"),
            (b'{"m": [0, Infinity]}', ": m[1]: Infinity is not a finite number"),
            (b'{"m": -Infinity}', ": m: -Infinity is not a finite number"),
            (b'{"m": 1e999}', ": m: 1e999 is not a finite number"),
            (b'{"m": -1E400}', ": m: -1E400 is not a finite number"),
            (b'{"m": 9007199254740992}', ": m: the integer 9007199254740992 lies beyond 2^53"),
            (b'{"m": -9007199254740992}', ": m: the integer -9007199254740992 lies beyond 2^53"),
            (b"\xef\xbb\xbf{}", ": begins with a byte order mark"),
            (b'{"a": "\xff"}', ": not UTF-8 at byte 7"),
            (b'{"a": "\xed\xa0\x80"}', ": not UTF-8 at byte 7"),  # U+D800, encoded
            (b'{"a": "\xc0\x80"}', ": not UTF-8 at byte 7"),  # NUL, two bytes long
            (b'{"a": ["\\ud800"]}', ": a[0]: holds half a character, U+D800"),
            (b'{"a": "x\\uDC00\\uD800"}', ": a: holds half a character, U+DC00"),
            (b'{"a": {"\\udfff": 1}}', ": a (key): holds half a character, U+DFFF"),
            (b"", ":1:1: not JSON: expecting value"),
            (b"{", ":1:2: not JSON: expecting property name enclosed in double quotes"),
            (b"[1 2]", ":1:4: not JSON: expecting ',' delimiter"),
            (b"{}{}", ":1:3: not JSON: extra data"),
            (b"[01]", ":1:3: not JSON: expecting ',' delimiter"),
            (b"[.5]", ":1:2: not JSON: expecting value"),
            (b"[+1]", ":1:2: not JSON: expecting value"),
            (b'["\x00"]', ":1:3: not JSON: invalid control character at"),
            (b'["a\nb"]', ":1:4: not JSON: invalid control character at"),
            (b"\x00", ":1:1: not JSON: expecting value"),
        ],
    )
    def test_what_readers_would_read_differently_is_refused(self, data: bytes, message: str):
        with pytest.raises(FormatError) as caught:
            parse(data)

        assert str(caught.value) == f"churn.json{message}"
        assert caught.value.path == "churn.json"

    @pytest.mark.parametrize("text", ["9007199254740991", "-9007199254740991", "1.5e300", "-0.0"])
    def test_numbers_that_every_reader_keeps_are_kept(self, text: str) -> None:
        assert parse(text.encode()) == float(text)

    def test_a_whole_character_in_two_escapes_is_one(self) -> None:
        assert parse(b'"\\ud83d\\ude80"') == "🚀"

    def test_the_size_is_bounded_before_anything_is_read(self) -> None:
        assert parse(b'"' + b"a" * (MOST - 2) + b'"') == "a" * (MOST - 2)
        assert _refusal(b"\xff" * (MOST + 1)) == "churn.json: 1048577 bytes, more than 1048576"


class TestNesting:
    def test_32_levels_are_read(self) -> None:
        assert json.dumps(parse(b"[" * 32 + b"]" * 32)) == "[" * 32 + "]" * 32

    @pytest.mark.parametrize(
        "data",
        [
            b"[" * 33 + b"]" * 33,
            b"[" * 100_000,
            b"[" * 100_000 + b"]" * 100_000,
            b'{"a":' * 33 + b"1" + b"}" * 33,
            b'[{"a":' * 50_000,
            b'["]]]]\\"]]", ' + b"[" * 33 + b"]" * 34,
            b'["]]]]\\"]]", ' + b"[" * 600,
        ],
    )
    def test_deeper_is_refused_before_the_parser_recurses(self, data: bytes) -> None:
        assert _refusal(data) == "churn.json: nested more than 32 deep"

    def test_brackets_in_strings_are_no_nesting(self) -> None:
        text = '[[[{{{"' * 100
        assert parse(json.dumps([text, {text: text}]).encode()) == [text, {text: text}]

    def test_a_thread_with_a_small_stack_refuses_too(self) -> None:
        found: list[str] = []
        size = threading.stack_size(256 * 1024)
        try:
            thread = threading.Thread(target=lambda: found.append(_refusal(b"[" * 100_000)))
            thread.start()
            thread.join()
        finally:
            threading.stack_size(size)

        assert found == ["churn.json: nested more than 32 deep"]


@pytest.mark.parametrize(
    "data",
    [
        b'"' * MOST,
        b'"' + b'\\"' * (MOST // 2 - 1),
        b"\\" * MOST,
        b'"' + b"\\" * (MOST - 1),
        b'"\\' * (MOST // 2),
        b'"a' * (MOST // 2),
        b'["' + b"\\\\" * (MOST // 2 - 2),
        b'{"":' * (MOST // 4),
        b"[]" * (MOST // 2),
        b"-" * MOST,
        b"1" * MOST,
        b"1." + b"1" * (MOST - 2),
        b"1e" + b"9" * (MOST - 2),
        b"{" + b",".join(b'"%d":1' % n for n in range(90_000)) + b',"89999":1}',
    ],
    ids=lambda data: data[:12].decode(),
)
def test_a_hostile_file_is_answered_in_time_linear_in_its_size(data: bytes) -> None:
    # Each took minutes, or would, if any rule looked at the rest of the file from every place in
    # it; that it ends at all within the suite's patience is the claim.
    assert len(data) <= MOST
    assert len(_refusal(data)) < 200


class TestDump:
    def test_equal_values_have_equal_bytes_with_a_final_newline(self) -> None:
        assert json_rules.dump({"b": 1, "a": ["é", 0.1]}) == (
            '{\n  "b": 1,\n  "a": [\n    "é",\n    0.1\n  ]\n}\n'.encode()
        )

    def test_a_number_that_is_not_finite_is_not_written(self) -> None:
        with pytest.raises(ValueError, match="nan is not a finite number"):
            json_rules.dump({"a": float("nan")})


class TestHiddenCharacters:
    @pytest.mark.parametrize("character", [*HIDDEN, "\ud800"])  # half a character too
    def test_what_no_reader_sees_is_found(self, character: str) -> None:
        assert json_rules.hidden_character(f"a{character}b") == f"U+{ord(character):04X}"

    @pytest.mark.parametrize("text", ["", "tab\tand\nnewline", "né", "日本", "🚀", "a\u200db"])
    def test_what_a_reader_sees_is_not(self, text: str) -> None:
        assert json_rules.hidden_character(text) is None


def _refusal(data: bytes) -> str:
    try:
        parse(data)
    except FormatError as error:
        return str(error)
    return "accepted"
