"""Unusual opcodes, and usual ones in an unusual order."""

from __future__ import annotations

from collections.abc import Iterator

from .values import Build, Effect, Hostile, Name, New, call, files
from .writer import Writer, pickled

FAMILY = "unusual opcodes"


def unusual_opcodes(effect: Effect) -> Iterator[Hostile]:
    for programs in (
        _protocols,
        _old_calls,
        _memo_tricks,
        _stack_tricks,
        _texts,
        _arguments,
        _frames,
    ):
        yield from files(FAMILY, programs(effect))
    yield from files(FAMILY, _merely_refused(effect), "never")


def _protocols(effect: Effect) -> dict[str, bytes]:
    value = call("os:system", effect.command)
    plain = {f"protocol {number}": pickled(value, number) for number in (0, 1, 2, 3, 5)}
    framed = {
        f"protocol {number}, framed": pickled(value, number, framed=True) for number in (4, 5)
    }
    return plain | framed


def _old_calls(effect: Effect) -> dict[str, bytes]:
    """INST and OBJ call a class, or anything else, with what lies above a MARK."""
    command, path = effect.command, effect.path
    instance = Build(New(Name("types:SimpleNamespace")), {"__new__": effect.anything})
    system, handler = Name("os:system"), Name("logging:FileHandler")
    return {
        "INST": Writer(0).mark().unicode(command).inst("os:system").stop(),
        "INST, protocol 4": Writer(4).mark().push(command).inst("os:system").stop(),
        "INST of a class": Writer(2).mark().push(path).push("w").inst("io:FileIO").stop(),
        "OBJ": Writer(1).mark().name("os:system").push(command).obj().stop(),
        "OBJ, protocol 4": Writer(4).mark().push(system).push(command).obj().stop(),
        "OBJ of a class": Writer(4).mark().push(handler).push(path).obj().stop(),
        "NEWOBJ of an instance": pickled(New(instance, (1,))),
        "NEWOBJ_EX of an instance": pickled(New(instance, (1,), {"x": 1})),
        "NEWOBJ of map": pickled(
            call("builtins:list", New(Name("builtins:map"), (system, [command])))
        ),
    }


def called(writer: Writer, *arguments: str) -> bytes:
    """A program that calls what a writer has left, and ends."""
    return writer.push(arguments).reduce().stop()


def _memo_tricks(effect: Effect) -> dict[str, bytes]:
    """The memo changes between what is looked at and what is used."""
    harmless, system = "builtins:len", "os:system"
    halves = Writer(4).push("system").memoize().pop().push("os").memoize().pop()
    programs = {
        "PUT twice": Writer(0).name(harmless).put("0").pop().name(system).put("0").pop().get("0"),
        "BINPUT twice": (
            Writer(2).name(harmless).binput(0).pop().name(system).binput(0).pop().binget(0)
        ),
        "PUT, then MEMOIZE on its index": (
            Writer(4).name(harmless).binput(1).name(system).memoize().pop().pop().binget(1)
        ),
        "indexes written oddly": (
            Writer(0).name(harmless).put("1").pop().name(system).put("0_1").pop().get(" 1")
        ),
        "LONG_BINPUT far away": (
            Writer(2).name(system).long_binput(2**20).pop().long_binget(2**20)
        ),
        "a name in two halves": halves.binget(1).binget(0).stack_global(),
    }
    of_memo = Writer(4).push((effect.command,)).memoize().pop().push(Name(system)).binget(0)
    return {name: called(writer, effect.command) for name, writer in programs.items()} | {
        "arguments from the memo": of_memo.reduce().stop()
    }


def _stack_tricks(effect: Effect) -> dict[str, bytes]:
    system = Name("os:system")
    act = call("os:system", effect.command)
    honest = New(Name("sklearn.linear_model:Ridge"))
    return {
        "acts, is popped, honest at last": Writer(4).push(act).pop().push(honest).stop(),
        "acts, is popped with its mark": (
            Writer(4).push(honest).mark().push(1).push(act).pop_mark().stop()
        ),
        "a mark is popped like a value": (
            Writer(4).push(honest).mark().push(act).pop().pop().stop()
        ),
        "DUP of the function": called(Writer(4).push(system).dup(), effect.command),
        "a name from the bottom of the stack": called(
            Writer(4).push("os").push("system").push(honest).pop().stack_global(), effect.command
        ),
        "much left on the stack": (
            Writer(4).push(honest).push(1).push("model").push(act).push(honest).stop()
        ),
        "PROTO in the middle": called(
            Writer(2).push(honest).pop().proto(4).name("shutil:os.system"), effect.command
        ),
        "PROTO 0 first": Writer(0).proto(0).push(act).stop(),
        "no PROTO, opcodes of protocol 4": Writer(4).push(act).stop()[2:],
    }


def _texts(effect: Effect) -> dict[str, bytes]:
    """The same two words, written differently."""

    def ends(writer: Writer) -> bytes:
        return called(writer.stack_global(), effect.command)

    joined = call("builtins:str.join", "", ["sys", "tem"])
    return {
        "UNICODE with escapes": ends(Writer(4).raw(b"V\\u006fs\nV\\u0073ystem\n")),
        "STRING": ends(Writer(4).string("os").string("system")),
        "STRING with escapes": ends(Writer(4).string("\\x6fs").string("syst\\145m")),
        "BINSTRING": ends(Writer(4).binstring(b"os").binstring(b"system")),
        "SHORT_BINSTRING": ends(Writer(4).short_binstring(b"os").short_binstring(b"system")),
        "BINUNICODE8": ends(Writer(4).binunicode8(2, b"os").binunicode8(6, b"system")),
        "a word that is put together": ends(Writer(4).push("os").push(joined)),
        "a name of the table in the wrong module": pickled(
            [
                Build(Name("sklearn:base"), {"Ridge": Name("os:system")}),
                call("sklearn.base:Ridge", effect.command),
            ]
        ),
        "GLOBAL in protocol 4": called(Writer(4).name("os:system"), effect.command),
    }


def _arguments(effect: Effect) -> dict[str, bytes]:
    """Arguments written by opcodes that no pickler of today writes for them."""
    data, source, path = effect.command.encode(), effect.code, effect.path
    create = 0o101
    opening = [Writer(protocol).name("os:open").mark().push(path) for protocol in (0, 2)]
    programs = {
        "a command in BINBYTES8": (
            Writer(4).push(Name("os:system")).binbytes8(len(data), data).tuple1()
        ),
        "source in BYTEARRAY8": (
            Writer(5).push(Name("builtins:exec")).bytearray8(len(source), source).tuple1()
        ),
        "a flag in LONG": opening[0].raw(b"L%dL\n" % create).tuple(),
        "a flag in LONG4": opening[1].long4(1, bytes([create])).tuple(),
    }
    return {name: writer.reduce().stop() for name, writer in programs.items()}


def _frames(effect: Effect) -> dict[str, bytes]:
    value = call("os:system", effect.command)
    program = Writer(4).push(value).unfinished()[2:]
    return {
        "many empty frames": (Writer(4).frame(0).frame(0).frame(0).push(value).frame(0).stop()),
        "acts outside of its frame": Writer(4, framed=True).push(1).end_frame().push(value).stop(),
        "acts, then a frame beyond the file": (Writer(4).push(value).frame(2**40).stop()),
        "acts, then a frame that is too short": (
            Writer(4).frame(len(program)).raw(program).frame(1).push("model").stop()
        ),
        "acts, then a frame in a frame": (
            Writer(4).frame(len(program) + 9).raw(program).frame(1).push(1).stop()
        ),
    }


def _merely_refused(effect: Effect) -> dict[str, bytes]:
    """What plain joblib refuses too, or what another unpickler would have understood."""
    functions = {
        "EXT1": Writer(2).ext1(1),
        "EXT2": Writer(2).ext2(1000),
        "EXT4": Writer(2).ext4(100_000),
        "EXT4 below zero": Writer(2).ext4(-1),
        "PERSID": Writer(0).persid("os.system"),
        "BINPERSID": Writer(4).push("os.system").binpersid(),
        "PROTO 6": Writer(6).push(Name("os:system")),
    }
    return {name: called(writer, effect.command) for name, writer in functions.items()} | {
        "EXT1 of zero": Writer(2).ext1(0).stop(),
        "BINPERSID of an honest wrapper": (
            Writer(4).push(New(Name("joblib.numpy_pickle:NumpyArrayWrapper"))).binpersid().stop()
        ),
        "NEXT_BUFFER": Writer(5).next_buffer().stop(),
        "READONLY_BUFFER": Writer(5).push(b"").readonly_buffer().stop(),
        "PROTO 255": Writer(255).push(1).stop(),
        "an opcode that there is not": Writer(4).raw(b"\xff").stop(),
        "STOP alone": Writer(4).stop(),
        "POP of nothing": Writer(4).pop().stop(),
        "REDUCE of nothing": Writer(4).reduce().stop(),
        "BUILD of nothing": Writer(4).build().stop(),
        "APPENDS without a mark": Writer(4).push([]).appends().stop(),
        "GET of what was never put": Writer(4).get("7").stop(),
        "PUT below zero": Writer(0).push("model").put("-1").stop(),
        "STACK_GLOBAL of numbers": Writer(4).push(1).push(2).stack_global().stop(),
        "GLOBAL without an end": Writer(4).raw(b"cos").unfinished(),
    }
