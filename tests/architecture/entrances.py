#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every entrance is in the table of docs/security.md: each source file that calls one of the functions by which something from
outside comes in is named in the table's column of doors, and each file that is named there calls one. Prints each breach and
exits 1. The development hub is no part of the daemon."""
import pathlib
import re
import sys

# What brings bytes, events or facts into the process that are not ours. A new way in belongs here, and in the table.
ENTRANCES = {
    "the environment": r"\bgetenv\s*\(|\benviron\b",
    "the command line": r"\bint main\s*\(",
    "a file": r"\bstd::ifstream\b|\bdirectory_iterator \w|\bfopen\s*\(|\bopen(?:at)?\s*\([^;]*\bO_(?:RDONLY|RDWR|WRONLY|PATH)\b|\bsqlite3_open\w*\s*\(",
    "a descriptor": r"(?<!\w)::(?:read|readv)\s*\(|[^.>\w]read\s*\(\s*\w*(?:descriptor|fd|pipe)\b|(?<![.>\w])(?:pread|recv|recvfrom|recvmsg|mmap)\s*\(",
    "a certificate or key": r"\b(?:load_verify_file|add_verify_path|use_\w+_file|set_default_verify_paths|BIO_new_\w+|PEM_read_\w+)\s*\(",
    "a socket": r"\basync_(?:read|read_some|accept|receive|receive_from|handshake|connect)\s*\(|\bsd_listen_fds\w*\s*\(|\bSO_PEERCRED\b",
    "a name server": r"\basync_resolve\s*\(|\bresolver\.resolve\s*\(|\bgetaddrinfo\s*\(|\bgethostname\s*\(",
    "the users of this machine": r"\bgetpw(?:nam|uid)(?:_r)?\s*\(",
    "gRPC": r"\bgrpc::Create\w*Channel\s*\(|\bPrepareUnaryCall\s*\(|\bGetServer\w*Metadata\s*\(",
    "a signal": r"\bsignal_set\b|\bsigaction\s*\(|\bsignalfd\s*\(|\bsignal\s*\(SIG",
    "a program": r"\bclone3?\s*\(\s*[^)\s]|\bfork\s*\(|\bexecve\s*\(|\bwaitid\s*\(|\bwaitpid\s*\(",
    "the clock": r"\bsystem_clock::now\s*\(|\btimerfd_\w+\s*\(|\bCLOCK_(?:REALTIME|BOOTTIME)\b",
    "a parser of JSON or YAML": r"\bjson::(?:sax_)?parse\s*\(|\bparse_json\s*\(|\b(?:read_json|json_or_null)\s*\(|\bYAML::\w+",
    "a parser of URLs, HTTP or protobuf": r"\burls::parse_\w+\s*\(|\bParseFrom\w+\s*\(|\bCodedInputStream\b|\bhttp::(?:request|response)_parser\b",
}
NO_CODE = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
NOT_THE_DAEMON = ("src/dev_hub/", "include/jiro/dev_hub/")
ROW = re.compile(r"^\|(.*)\|\s*$", re.MULTILINE)
FILE = re.compile(r"`((?:src|include)/[\w/.]+\.[ch]pp)`")


def entrances_in(text):
    code = NO_CODE.sub("", text)
    return [what for what, pattern in ENTRANCES.items() if re.search(pattern, code)]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    for what, line in (("the environment", 'std::getenv("X")'), ("a file", "const int fd = open(path, O_RDONLY | O_CLOEXEC);"),
                       ("a descriptor", "const auto got = ::read(fd, to, size);"), ("a signal", "asio::signal_set signals_;")):
        assert entrances_in(line) == [what], line
    assert not entrances_in("// getenv(x)\nfile.read(x); store.open(); co_await timer.async_wait();")

    page = root / "docs" / "security.md"
    named = {name for row in ROW.findall(page.read_text()) for name in FILE.findall(row)}
    found = []
    files = sorted(path for top in ("src", "include") for path in (root / top).rglob("*") if path.suffix in (".cpp", ".hpp"))
    for path in files:
        name = path.relative_to(root).as_posix()
        if name.startswith(NOT_THE_DAEMON):
            continue
        entrances = entrances_in(path.read_text())
        if entrances and name not in named:
            found.append(f"{name}: {', '.join(entrances)} comes in here: name the file in the table of docs/security.md")
        if not entrances and name in named:
            found.append(f"{name}: is named in docs/security.md, and nothing comes in there")
    found += [f"{name}: is named in docs/security.md and does not exist" for name in sorted(named) if not (root / name).exists()]
    print("\n".join(found) if found else f"{len(named)} files with entrances are in the table")
    sys.exit(1 if found or not named else 0)


main()
