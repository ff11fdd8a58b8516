# SPDX-License-Identifier: MIT
"""The shells' completions offer what the command line has, by its own help: subcommands, verbs, options, and the words that an option takes."""

import pathlib
import re
import subprocess
import unittest

from harness.programs import run_client

FOLDER = pathlib.Path(__file__).parents[2] / "systemd" / "completions"
ALONE = ("migrate-config", "sign")  # they need no configuration


def usage(*words):
    """Subcommands, and options with the words that they take."""
    text = run_client(*words, "--help").stdout
    names = re.findall(r"^  ([a-z-]+)  ", text.partition("Subcommands:\n")[2], re.M)
    options = {name: choices.split(",") if choices else []
               for name, choices in re.findall(r"^  (?:-\w,)?(--[a-z-]+)(?: \w+:\{([^}]*)\})?", text, re.M)}
    return names, options


def command_line():
    """(words, subcommands, options) of the program, of each subcommand and of each verb, which takes what its subcommand takes."""
    names, options = usage()
    yield [], names, options
    for name in names:
        verbs, own = usage(name)
        yield [name], verbs, own
        for verb in verbs:
            yield [name, verb], [], own | usage(name, verb)[1]


class CompletionsTest(unittest.TestCase):
    def bash(self, *words):
        script = 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _jiro_client; printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "-c", script, FOLDER / "jiro-client.bash", "jiro-client", *words],
                              capture_output=True, text=True, check=True, timeout=30)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_bash(self):
        for words, names, options in command_line():
            with self.subTest(words):
                self.assertLessEqual(set(names), self.bash(*words, ""))
                self.assertEqual(self.bash(*words, "--"), set(options))
                for option, choices in options.items():
                    if choices:
                        self.assertEqual(self.bash(*words, option, ""), set(choices), option)

    def test_fish(self):
        lines = [line for line in (FOLDER / "jiro-client.fish").read_text().splitlines() if line.startswith("complete ")]
        self.assertGreater(len(lines), 40)

        def offered(line, words):
            condition = re.search(r'-n "([^"]*)"', line)
            if not condition:
                return True
            for part in condition[1].split("; or "):
                places = re.findall(r"(not )?__fish_seen_subcommand_from ([^;]*)", part)
                if all(bool(no) != any(word in words for word in (words if place == "$subcommands" else place.split()))
                       for no, place in places):
                    return True
            return False

        for words, names, options in command_line():
            with self.subTest(words):
                here = [line for line in lines if offered(line, words)]
                taken = {f"--{name}": line for line in here for name in re.findall(r" -l ([a-z-]+)", line)}
                self.assertEqual(set(taken) - ({"--config"} if words[:1] and words[0] in ALONE else set()), set(options))
                for option, choices in options.items():
                    if choices:
                        self.assertIn(f"-a '{' '.join(choices)}'", taken[option])
                for name in names:
                    self.assertTrue(any(re.search(rf" -a (?:{name} |'[^']*\b{name}\b[^']*')", line) for line in here), name)

    def test_zsh(self):
        text = (FOLDER / "_jiro-client").read_text()
        top, _, below = text.partition("case $words[1] in")
        arguments = {name: rest for names, rest in re.findall(r"^            ([a-z|*-]+)\) (.*?);;$", below, re.M | re.S)
                     for name in names.split("|")}
        for words, names, options in command_line():
            with self.subTest(words):
                here = arguments.get(words[0], arguments["*"]) if words else top
                here = here.replace("$config", "'--config[")
                # Of a subcommand with verbs it offers the options of all.
                missing = [option for option in options if f"'{option}[" not in here and option != "--help"]
                self.assertEqual(missing, [])
                for choices in filter(None, options.values()):
                    self.assertIn(f"({' '.join(choices)})", here)
                for name in names:
                    self.assertRegex(here, rf"'{name}:" if not words else rf"\([^)]*\b{name}\b[^)]*\)")
        known = {option for _, _, options in command_line() for option in options}
        self.assertEqual(set(re.findall(r"'(--[a-z-]+)\[", text)), known)


if __name__ == "__main__":
    unittest.main()
