# SPDX-License-Identifier: MIT
"""The assistant in the real daemon: a question from the hub, the answer over gRPC, the conversation on disk and at the terminal."""

import contextlib
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import threading
import time
import unittest

from harness.case import DaemonTest, wait_until
from harness.endpoint import Endpoint, Reply
from harness.programs import CLIENT, Client, clean_environment, run_client, sanitizers
from harness.waiting import seconds

OTHER_CLIENTS_TABLES = """
CREATE TABLE ChatSessions (Id TEXT PRIMARY KEY, Name TEXT, Description TEXT, CreatedAt TEXT, LastUpdatedAt TEXT);
CREATE TABLE Messages (Id TEXT PRIMARY KEY, Content TEXT, InstanceId TEXT, SessionId TEXT, IsUser INTEGER, CreatedAt TEXT, Type INTEGER);
"""


class ChatCase(DaemonTest):
    copies = 0

    def start_endpoint(self, *answer):
        self.endpoint = Endpoint(*answer)
        self.addCleanup(self.endpoint.stop)
        return self.endpoint

    def chat_config(self, **more):
        return {"Chat": {"Model": "test-model", "Endpoint": self.endpoint.url, "ApiKey": "canary-chat-key", **more}}

    def ask(self, connection, text, sync_id, session="s1", within=10.0):
        connection.command(text, sync_id, sessionId=session)
        return self.result(sync_id, within)

    def sessions_file(self):
        return self.directory / "state" / "sessions.db"

    def stored(self):
        """(is_user, content, state) of all messages, read from a copy: the daemon has the file locked."""
        self.copies += 1
        copy = self.directory / f"copy{self.copies}.db"
        for suffix in ("", "-wal"):
            source = self.directory / "state" / ("sessions.db" + suffix)
            if source.exists():
                pathlib.Path(str(copy) + suffix).write_bytes(source.read_bytes())
        try:
            with contextlib.closing(sqlite3.connect(copy)) as database:
                return database.execute("SELECT IsUser, Content, State FROM Messages ORDER BY Sequence").fetchall()
        except sqlite3.Error:
            return []  # not made yet, or copied in the middle of a change

    def command(self, *arguments, stdin=None):
        return run_client(*arguments, "--config", self.client.config_file, stdin=stdin)


class ChatTest(ChatCase):
    def test_the_seeds_own_example(self):
        self.start_endpoint()
        hub = self.start_all(config=self.chat_config(SystemPrompt="You are Jiro."))
        answer = self.ask(hub, "chat Hello \"Jiro\", what's\nup?", "c1")
        self.assertTrue(answer.is_success, answer)
        self.assertEqual(answer.response, "Hello from the model")
        self.assertEqual(answer.text_type, "MARKDOWN")
        self.assertEqual(answer.session_id, "s1")
        headers, request = self.endpoint.requests[0]
        self.assertEqual(headers["Authorization"], "Bearer canary-chat-key")
        self.assertEqual(request["messages"][1], {"role": "user", "content": "Hello \"Jiro\", what's\nup?"})
        self.assertEqual(self.stored(), [(1, "Hello \"Jiro\", what's\nup?", 0), (0, "Hello from the model", 0)])

        self.ask(hub, "chat again", "c2")
        self.assertEqual(len(self.endpoint.requests[1][1]["messages"]), 4)
        self.assertIn("forget", self.ask(hub, "reset", "c3", session="other").response)
        self.ask(hub, "reset", "c4")
        self.ask(hub, "chat anew", "c5")
        self.assertEqual(len(self.endpoint.requests[2][1]["messages"]), 2)
        self.assertIn("6 messages", self.ask(hub, "sessions", "c6").response)
        self.assertIn("> again", self.ask(hub, "session", "c7").response)

        status = self.client.status()["chat"]
        self.assertEqual((status["answered"], status["failed"], status["promptTokens"]), (3, 0, 33))
        self.assertIn('jiro_chat_tokens_total{direction="out"} 21', self.client.get("/metrics")[1])
        log = self.client.log.text()
        for secret in ("canary", "Hello from", "what's"):
            self.assertNotIn(secret, log)
        self.assertRegex(log, r"A question was answered.*prompt_tokens=11")

    def test_without_a_model_nothing_is_made_and_chat_says_how(self):
        hub = self.start_all()
        answer = self.ask(hub, "chat hello", "c1")
        self.assertFalse(answer.is_success)
        self.assertIn("Chat.Model", answer.response)
        self.assertEqual([path.name for path in self.sessions_file().parent.iterdir() if "session" in path.name], [])
        self.assertIsNone(self.client.status()["chat"])
        self.assertNotIn("jiro_chat", self.client.get("/metrics")[1])
        hub.invoke({"requestId": "r1", "sessionId": "s1"}, target="StreamWordsRequested", invocation_id="i1")
        refused = hub.completion("i1")["result"]
        self.assertEqual((refused["IsSuccess"], refused["Errors"]), (False, ["no assistant is configured on this machine"]))
        hub.invoke({"requestId": "r2"}, target="SessionsRequested", invocation_id="i2")
        self.assertEqual(hub.completion("i2")["result"]["TotalSessions"], 0)
        answer = self.command("chat", "hello")
        self.assertEqual(answer.returncode, 1)
        self.assertIn("Chat.Model", answer.stderr)

    def test_an_error_says_what_to_do(self):
        def refuse(request):
            raise Reply(401, '{"error":{"message":"Incorrect API key provided: canary-chat-key"}}')
            yield

        self.start_endpoint(refuse)
        hub = self.start_all(config=self.chat_config())
        answer = self.ask(hub, "chat hello", "c1")
        self.assertFalse(answer.is_success)
        self.assertIn("the key was not accepted; the operator must check Chat.ApiKey", answer.response)
        self.assertNotIn("canary", answer.response)
        self.assertEqual(self.stored(), [(1, "hello", 0)])
        self.assert_serves()

    def test_an_answer_that_is_cut_short_says_so(self):
        def short(request):
            raise Reply(200, '{"choices":[{"message":{"content":"Take 5 mg; never"},"finish_reason":"length"}]}')
            yield

        self.start_endpoint(short)
        hub = self.start_all(config=self.chat_config(MaxTokens=8))
        answer = self.ask(hub, "chat how much?", "c1")
        self.assertTrue(answer.is_success)
        self.assertIn("Take 5 mg; never\n\n*(The answer was cut off here, at its limit of tokens: Chat.MaxTokens", answer.response)
        self.assertEqual(self.stored()[1], (0, "Take 5 mg; never", 1))
        self.client.wait_log("the answer is cut off at its limit of tokens")
        answer = self.command("chat", "and now?")
        self.assertEqual(answer.returncode, 0)
        self.assertIn("The answer was cut off here", answer.stdout)

    def test_an_answer_is_whole_with_its_finish_reason(self):
        self.start_endpoint().hangs_up = True
        hub = self.start_all(config=self.chat_config())
        answer = self.ask(hub, "chat hello", "c1")
        self.assertEqual((answer.is_success, answer.response), (True, "Hello from the model"))
        self.assertEqual(self.stored()[1], (0, "Hello from the model", 0))

    def test_a_summary_without_end_does_not_end_the_conversation(self):
        def answer(request):
            if not request["stream"]:
                yield "S" * 900_000
                return
            if len(json.dumps(request)) > 40_000:
                raise Reply(400, '{"error":{"message":"maximum context length","code":"context_length_exceeded"}}')
            yield "x" * 800

        self.start_endpoint(answer)
        hub = self.start_all(config=self.chat_config(ContextTokens=512))
        for number in range(6):
            answered = self.ask(hub, "chat " + "q" * 300, f"c{number}")
            self.assertTrue(answered.is_success, answered)
        self.assertIn("SSS...", self.endpoint.requests[-1][1]["messages"][0]["content"])

    def test_kill_in_the_middle_of_an_answer(self):
        more = threading.Event()

        def slow(request):
            yield "The first half"
            more.wait(30)

        self.start_endpoint(slow)
        self.addCleanup(more.set)
        hub = self.start_all(config=self.chat_config())
        hub.command("chat tell me all", "c1", sessionId="s1")
        wait_until(lambda: (0, "The first half", 2) in self.stored(), "the half answer in the file", 15)
        self.client.kill()
        self.client.start()
        answer = self.result("c1", 20)
        self.assertFalse(answer.is_success)
        self.assertIn("interrupted", answer.response)
        self.client.wait_connected()
        hub = self.connection()
        shown = self.ask(hub, "session", "c2").response
        self.assertIn("> tell me all", shown)
        self.assertIn("The first half", shown)
        self.assertIn("cut off here", shown)

    def ask_for_an_endless_answer(self, hub, **members):
        """Waits until some of it is in the file."""
        more = threading.Event()

        def slow(request):
            yield "The first half"
            while not more.wait(0.05):
                yield " ."

        self.endpoint.answer = slow
        self.addCleanup(more.set)
        hub.command("chat tell me all", "c1", sessionId="s1", **members)
        wait_until(lambda: any(content.startswith("The first half") for _, content, _ in self.stored()), "half an answer", 15)

    def assert_cut(self, begun):
        """The model's stream is stopped within a second, and what came is in the session, marked."""
        self.assertTrue(self.endpoint.closed.wait(seconds(5)))
        self.assertLess(time.monotonic() - begun, seconds(1))
        answer = self.result("c1")
        self.assertFalse(answer.is_success)
        self.assertIn("cancelled", answer.response)
        question, half = self.stored()
        self.assertEqual(question, (1, "tell me all", 0))
        self.assertTrue(half[1].startswith("The first half ."), half)
        self.assertEqual(half[2], 1)
        return answer

    def test_a_file_that_is_removed_is_put_back(self):
        self.start_endpoint()
        link = self.start_all(config=self.chat_config())
        self.assertTrue(self.ask(link, "chat one", "c1").is_success)
        file = self.sessions_file()
        for n, harm in enumerate((file.unlink, lambda: file.rename(self.directory / "moved.db")), start=2):
            harm()
            self.assertTrue(self.ask(link, f"chat {n}", f"c{n}").is_success)
            self.assertIn("removed or replaced while it was open", self.client.status()["chat"]["storageProblem"])
            self.assertTrue(file.exists())
        self.assertTrue([line for line in self.client.log.lines if line.startswith("<3>") and "removed or replaced" in line])
        file.unlink()  # and nothing is asked any more
        self.assertEqual(self.client.stop(), 0)
        self.client.start()
        link = self.connection(2)
        self.ask(link, "chat after", "c9")
        told = [message["content"] for message in self.endpoint.requests[-1][1]["messages"] if message["role"] == "user"]
        self.assertEqual([text for text in told if text in ("one", "2", "3", "after")], ["one", "2", "3", "after"])

    def start_a_slow_answer(self, **more):
        """A question in the session "slow" whose answer comes when `go_on` is set."""
        asked, self.go_on = threading.Event(), threading.Event()
        self.addCleanup(self.go_on.set)

        def answer(request):
            if request["messages"][-1]["content"] == "slow":
                asked.set()
                self.go_on.wait(20)
                yield "the slow answer"
            elif request["messages"][-1]["content"] == "fails":
                raise Reply(500)
            else:
                yield "an answer"

        self.start_endpoint(answer)
        hub = self.start_all(config=self.chat_config(**more))
        self.ask(hub, "chat fails", "b1", session="other")  # leaves a hole in the numbers of the messages
        self.ask(hub, "chat before", "b2", session="other")
        hub.command("chat slow", "slow", sessionId="slow")
        asked.wait(10)
        return hub

    def assert_the_slow_answer_is_kept(self, hub):
        self.go_on.set()
        answer = self.result("slow")
        self.assertEqual((answer.is_success, answer.response), (True, "the slow answer"))
        self.assertIn("the slow answer", self.ask(hub, "session slow", "shown").response)

    def test_a_file_that_is_removed_in_the_middle_of_an_answer(self):
        hub = self.start_a_slow_answer()
        self.sessions_file().unlink()
        self.assert_the_slow_answer_is_kept(hub)

    def test_a_file_that_is_made_anew_in_the_middle_of_an_answer(self):
        hub = self.start_a_slow_answer()
        file = self.sessions_file()
        os.truncate(file, file.stat().st_size - 4096)
        self.ask(hub, "chat anew", "n1", session="new")
        self.assertIn("damaged", self.client.status()["chat"]["storageProblem"])
        self.assert_the_slow_answer_is_kept(hub)
        self.assertNotIn("the slow answer", self.ask(hub, "session new", "n2").response)

    def test_limits_wait_for_the_end_of_an_answer(self):
        hub = self.start_a_slow_answer(MaxSessions=1)
        self.ask(hub, "chat quick", "q1", session="quick")
        self.client.wait_log("Old conversations were removed")
        self.assert_the_slow_answer_is_kept(hub)

    def test_a_session_that_is_removed_in_the_middle_of_an_answer_stays_removed(self):
        hub = self.start_a_slow_answer()
        self.assertEqual(self.command("sessions", "remove", "slow").returncode, 0)
        self.go_on.set()
        self.assertIn("the slow answer\n\n(This is not in the session: ", self.result("slow").response)
        self.assertNotIn("slow", self.ask(hub, "sessions", "s1").response)

    def test_a_cancelled_answer_of_a_session_that_was_removed(self):
        hub = self.start_a_slow_answer()
        self.assertEqual(self.command("sessions", "remove", "slow").returncode, 0)
        self.ask(hub, "cancel slow", "c1")
        self.assertNotIn("is in the session", self.result("slow").response)

    def test_a_file_that_is_made_anew_knows_what_was_forgotten(self):
        self.start_endpoint()
        hub = self.start_all(config=self.chat_config())
        for n, text in enumerate(("chat forget me", "reset", "chat one")):
            self.ask(hub, text, f"c{n}")
        file = self.sessions_file()
        os.truncate(file, file.stat().st_size - 4096)
        self.ask(hub, "chat two", "c9")
        self.assertIn("damaged", self.client.status()["chat"]["storageProblem"])
        told = [message["content"] for message in self.endpoint.requests[-1][1]["messages"] if message["role"] == "user"]
        self.assertEqual(told, ["one", "two"])

    def test_a_file_that_was_emptied_is_told(self):
        self.start_endpoint()
        link = self.start_all(config=self.chat_config())
        self.ask(link, "chat one", "c1")
        self.client.stop()
        os.truncate(self.sessions_file(), 0)
        self.client.start()
        self.assertTrue(self.ask(self.connection(2), "chat after", "c2").is_success)
        self.assertIn("emptied", self.client.status()["chat"]["storageProblem"])
        self.assertTrue([line for line in self.client.log.lines if line.startswith("<3>") and "emptied" in line])

    def test_questions_that_wait_for_their_session_hold_up_nobody(self):
        go = threading.Event()
        self.addCleanup(go.set)

        def answer(request):
            text = request["messages"][-1]["content"]
            if text.startswith("slow"):
                go.wait(30)
            yield "to " + text

        self.start_endpoint(answer)
        hub = self.start_all(config={**self.chat_config(), "Commands": {"MaxConcurrent": 4}})
        for number in range(12):
            hub.command(f"chat slow {number}", f"slow-{number}", sessionId="one")
        status = self.client.wait_status(lambda status: status["activeCommandCount"] == 1 and status["queuedCommands"] == 11, "11 wait")
        self.assertEqual(status["chat"]["running"], 1)
        self.assertEqual(self.ask(hub, "chat quick", "quick", session="two").response, "to quick")
        self.assertEqual(self.ask(hub, "echo hi", "echo").response, "hi")
        self.assertTrue(self.ask(hub, "cancel slow-5", "cancel").is_success)
        self.assertIn("cancelled: by the hub", self.result("slow-5").response)
        at_terminal = subprocess.Popen([CLIENT, "chat", "--session", "one", "slow at the terminal", "--config", self.client.config_file],
                                       stdout=subprocess.PIPE, text=True, env=clean_environment())
        self.client.wait_status(lambda status: status["chat"]["running"] == 2, "the terminal's waits, too")
        self.assertEqual(sum("slow" in r["messages"][-1]["content"] for _, r in self.endpoint.requests), 1)

        go.set()
        self.assertIn("to slow at the terminal", at_terminal.communicate(timeout=30)[0])
        others = [number for number in range(12) if number != 5]
        for number in others:
            self.assertEqual(self.result(f"slow-{number}").response, f"to slow {number}")
        asked = [r["messages"][-1]["content"] for _, r in self.endpoint.requests]
        self.assertEqual([text for text in asked if text[-1].isdigit()], [f"slow {number}" for number in others])

    def test_a_lost_connection_cancels(self):
        self.start_endpoint()
        hub = self.start_all(config={**self.chat_config(), "Commands": {"OnConnectionLost": "cancel"}})
        self.ask_for_an_endless_answer(hub)
        begun = time.monotonic()
        hub.abort()
        self.assertIn("cancelled: connection lost", self.assert_cut(begun).response)

    def test_the_hub_cancels_its_invocation(self):
        self.start_endpoint()
        hub = self.start_all(config=self.chat_config())
        self.ask_for_an_endless_answer(hub, invocation_id="i1", target="CommandReceived")
        begun = time.monotonic()
        hub.send({"type": 5, "invocationId": "i1"})
        self.assert_cut(begun)
        shown = self.ask(hub, "session", "c2").response
        self.assertIn("> tell me all", shown)
        self.assertIn("cut off here", shown)
        self.assertEqual([record for record in hub.completions() if record["invocationId"] == "i1" and "result" in record], [])
        self.endpoint.answer = lambda request: ["yes"]
        self.assertEqual(self.ask(hub, "chat do you remember?", "c3").response, "yes")
        told = self.endpoint.requests[-1][1]["messages"]
        self.assertEqual([message["role"] for message in told], ["user", "assistant", "user"])

    def test_words_are_sent_to_a_hub_that_asks(self):
        more = threading.Event()

        def slow(request):
            yield "One "
            more.wait(30)
            yield "two"

        self.start_endpoint(slow)
        self.addCleanup(more.set)
        hub = self.start_all(config=self.chat_config())
        hub.command("chat count", "c1", sessionId="s1")
        wait_until(lambda: self.endpoint.requests, "the question at the endpoint")
        hub.invoke({"requestId": "w1", "sessionId": "s1", "messageId": ""}, target="StreamWordsRequested", invocation_id="i1")
        self.assertTrue(hub.completion("i1", context=self.client.tail)["result"]["IsSuccess"])

        def words():
            return [record["item"] for record in hub.records if record.get("type") == 2]

        wait_until(words, "the first word", context=self.client.tail)
        self.assertEqual("".join(word["Word"] for word in words()), "One ")
        self.assertNotIn("c1", self.grpc.accepted)
        more.set()
        wait_until(lambda: words()[-1]["IsComplete"], "the last word", context=self.client.tail)
        self.assertEqual("".join(word["Word"] for word in words()), "One two")
        self.assertEqual([word["Position"] for word in words()], list(range(len(words()))))
        call = [record for record in hub.records if record.get("target") == "StreamWordsToServer"]
        self.assertEqual(call[0]["arguments"], ["w1"])
        self.assertEqual(self.result("c1").response, "One two")
        self.assertNotIn("One ", self.client.log.text())

    def test_words_of_an_answer_that_is_cut_off(self):
        self.start_endpoint()
        hub = self.start_all(config=self.chat_config())
        hub.invoke({"requestId": "w1", "sessionId": "s1"}, target="StreamWordsRequested", invocation_id="w")
        self.assertTrue(hub.completion("w", context=self.client.tail)["result"]["IsSuccess"])
        self.ask_for_an_endless_answer(hub, invocation_id="i1", target="CommandReceived")
        hub.send({"type": 5, "invocationId": "i1"})
        stream = [record for record in hub.records if record.get("target") == "StreamWordsToServer"][0]["streamIds"][0]
        ended = wait_until(lambda: [record for record in hub.completions() if record.get("invocationId") == stream], "the stream's end",
                           context=self.client.tail)
        self.assertIn("the answer was cut off", ended[0]["error"])
        self.assert_serves(hub)

    def test_a_reload_ends_the_words_of_a_hub_that_may_not_have_them(self):
        self.start_endpoint()
        config = {**self.chat_config(), "Hub": {"Requests": ["commands", "sessions"]}}
        hub = self.start_all(config=config)
        hub.invoke({"requestId": "w1", "sessionId": "terminal"}, target="StreamWordsRequested", invocation_id="w")
        self.assertTrue(hub.completion("w", context=self.client.tail)["result"]["IsSuccess"])
        self.client.write_config(**{**config, "Hub": {"Requests": ["commands"]}})
        self.client.signal(signal.SIGHUP)
        call = wait_until(lambda: [record for record in hub.records if record.get("target") == "StreamWordsToServer"], "the stream")[0]
        ended = hub.completion(call["streamIds"][0], context=self.client.tail)
        self.assertIn("not allowed on this machine any more", ended["error"])
        self.assertEqual(self.command("chat", "--session", "terminal", stdin="a private question\n").returncode, 0)
        self.assertEqual([record for record in hub.records if record.get("type") == 2], [])

    def test_a_reload_makes_the_items_of_a_stream_shorter(self):
        def long(request):
            yield "w" * 20000

        self.start_endpoint(long)
        config = {**self.chat_config(), "Hub": {"Requests": ["commands", "sessions"]}}
        hub = self.start_all(config=config)
        hub.invoke({"requestId": "w1", "sessionId": "s1"}, target="StreamWordsRequested", invocation_id="w")
        self.assertTrue(hub.completion("w", context=self.client.tail)["result"]["IsSuccess"])
        self.client.write_config(**config, WebSocket={"MaxSendBytes": 4096})
        self.client.signal(signal.SIGHUP)
        self.client.wait_log("Configuration reloaded")
        hub.command("chat go", "c1", sessionId="s1")
        items = lambda: [record["item"] for record in hub.records if record.get("type") == 2]
        wait_until(lambda: items() and items()[-1]["IsComplete"], "the last word", context=self.client.tail)
        self.assertEqual("".join(item["Word"] for item in items()), "w" * 20000)
        self.assertLess(max(len(json.dumps(item)) for item in items()), 4000)

    def test_tools_are_commands_of_this_machine(self):
        def call_then_answer(request):
            if request["messages"][-1]["role"] == "tool":
                yield "It says: " + request["messages"][-1]["content"]
                return
            raise Reply(200, '{"choices":[{"message":{"tool_calls":[{"id":"t1","type":"function","function":'
                             '{"name":"greet","arguments":"{\\"who\\":\\"Jiro\\"}"}}]},"finish_reason":"tool_calls"}]}')

        self.start_endpoint(call_then_answer)
        exec_ = {"greet": {"Program": ["/bin/echo", "hello", "{who}"], "Parameters": {"who": {"Pattern": "[A-Za-z]+"}}}}
        hub = self.start_all(config={**self.chat_config(Tools=["greet"]), "Commands": {"RunAs": "daemon", "Exec": exec_}})
        self.assertEqual(self.ask(hub, "chat greet me", "c1").response, "It says: hello Jiro\n")
        tool = self.endpoint.requests[0][1]["tools"][0]["function"]
        self.assertEqual((tool["name"], tool["parameters"]["required"]), ("greet", ["who"]))

    def test_a_tool_that_is_built_in_takes_what_it_declares(self):
        def call_then_answer(request):
            if request["messages"][-1]["role"] == "tool":
                yield request["messages"][-1]["content"]
                return
            function = {"name": "help", "arguments": json.dumps({"NAME": "echo"})}
            raise Reply(200, json.dumps({"choices": [{"message": {"tool_calls": [{"id": "t", "type": "function", "function": function}]},
                                                      "finish_reason": "tool_calls"}]}))

        self.start_endpoint(call_then_answer)
        hub = self.start_all(config=self.chat_config(Tools=["help"]))
        self.assertIn("Answers with the text", self.ask(hub, "chat what is echo", "c1").response)
        self.assertIn("NAME", self.endpoint.requests[0][1]["tools"][0]["function"]["parameters"]["properties"])

    def test_parameters_are_taken_by_name(self):
        self.start_endpoint()
        hub = self.start_all(config=self.chat_config())
        number = iter(range(100))

        def answer_to(text, **parameters):
            sync_id = f"p{next(number)}"
            hub.command(text, sync_id, sessionId="s1", parameters=parameters)
            return self.result(sync_id)

        self.assertEqual(answer_to("chat", prompt="a 'question", userId="7").response, "Hello from the model")
        self.assertEqual(self.endpoint.requests[0][1]["messages"][-1]["content"], "a 'question")
        self.assertIn("a 'question", answer_to("session", sessionId="s1").response)
        self.assertIn("no session other", answer_to("sessionInfo", sessionId="other").response)
        self.assertIn("no session other", answer_to("session other").response)
        self.assertIn("no session other", answer_to("session other", sessionId="s1").response)  # the word counts
        self.assertIn("a 'question", answer_to("session", sessionId="").response)
        self.assertIn("there is nothing to forget", answer_to("reset", sessionId="other").response)
        self.assertIn("begins anew", answer_to("reset", sessionId="s1").response)
        refused = answer_to("chat")
        self.assertFalse(refused.is_success)
        self.assertIn("usage: ", refused.response)
        self.assertEqual(len(self.endpoint.requests), 1)

    def test_a_model_that_only_calls_tools_is_not_asked_without_end(self):
        def call(request):
            function = {"name": "lookup", "arguments": json.dumps({"x": "y" * 200_000})}
            raise Reply(200, json.dumps({"choices": [{"message": {"tool_calls": [{"id": "t", "type": "function", "function": function}]},
                                                      "finish_reason": "tool_calls"}]}))
            yield

        self.start_endpoint(call)
        hub = self.start_all(config=self.chat_config(Tools=["sysinfo"], MaxToolCalls=3, ContextTokens=100_000))
        answer = self.ask(hub, "chat go", "c1")
        self.assertFalse(answer.is_success)
        self.assertIn("the model calls tools and gives no answer", answer.response)
        self.assertEqual(len(self.endpoint.requests), 3)  # two calls have no room
        self.assertEqual(self.client.status()["chat"]["toolCalls"], 1)

    def test_a_tool_is_given_its_numbers_as_they_are(self):
        arguments = ['{"v":123456789012345678901}', '{"v":1.50}', '{"v":"\\ud83d"}']

        def call_then_answer(request):
            if request["messages"][-1]["role"] == "tool":
                yield request["messages"][-1]["content"]
                return
            function = {"name": "show", "arguments": arguments.pop(0)}
            raise Reply(200, json.dumps({"choices": [{"message": {"tool_calls": [{"id": "t", "type": "function", "function": function}]},
                                                      "finish_reason": "tool_calls"}]}))

        self.start_endpoint(call_then_answer)
        exec_ = {"show": {"Program": ["/bin/echo", "{v}"], "Parameters": {"v": {}}}}
        hub = self.start_all(config={**self.chat_config(Tools=["show"]), "Commands": {"RunAs": "daemon", "Exec": exec_}})
        self.assertEqual(self.ask(hub, "chat a", "c1").response, "123456789012345678901\n")
        self.assertEqual(self.ask(hub, "chat b", "c2").response, "1.50\n")
        self.assertIn("surrogate", self.ask(hub, "chat c", "c3").response)

    def test_a_tool_is_a_command_like_any_other(self):
        """Without a prefix and without a slot of MaxConcurrent, but in the audit and the figures, and held by a pause."""
        def call_then_answer(request):
            if request["messages"][-1]["role"] == "tool":
                yield "It says: " + request["messages"][-1]["content"]
                return
            raise Reply(200, '{"choices":[{"message":{"tool_calls":[{"id":"t1","type":"function","function":'
                             '{"name":"note","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}')

        self.start_endpoint(call_then_answer)
        ran, audit = self.directory / "ran", self.directory / "audit.log"
        exec_ = {"note": {"Program": ["/bin/sh", "-c", f"echo done | tee -a {ran}"], "MaxConcurrent": 1}}
        hub = self.start_all(config={**self.chat_config(Tools=["note"]), "Logging": {"Audit": str(audit)},
                                     "Commands": {"RunAs": "daemon", "Prefix": "$", "MaxConcurrent": 1, "Exec": exec_}})
        self.assertEqual(self.ask(hub, "$chat go", "c1").response, "It says: done\n")

        def lines():
            return audit.read_text().splitlines() if audit.exists() else []

        wait_until(lambda: len(lines()) == 2, "both audit events", 10)
        self.assertEqual([json.loads(line)["command"] for line in lines()], ["note", "chat"])
        status = self.client.status()
        self.assertEqual((status["receivedCommands"], status["successfulCommands"]), (2, 2))

        self.assertEqual(self.command("pause", "--note", "kernel update").returncode, 0)
        answer = self.command("chat", "go")
        self.assertIn("It says: error: paused", answer.stdout, answer.stderr)
        self.assertIn("kernel update", answer.stdout)
        self.assertEqual(ran.read_text(), "done\n")

    def test_a_reload_switches_it_on_and_changes_it(self):
        self.start_endpoint()
        hub = self.start_all()
        self.assertFalse(self.ask(hub, "chat hello", "c1").is_success)
        for number, model in enumerate(("one", "two")):
            since = len(self.client.log.lines)
            self.client.write_config(**self.chat_config(Model=model))
            self.client.signal(signal.SIGHUP)
            self.client.wait_log("Configuration reloaded", since=since)
            self.assertTrue(self.ask(hub, "chat hello", f"r{number}").is_success)
            self.assertEqual(self.endpoint.requests[-1][1]["model"], model)
        key_file = self.directory / "chat-key"
        key_file.write_text("canary-key-of-a-file\n")
        other = Endpoint()
        self.addCleanup(other.stop)
        since = len(self.client.log.lines)
        self.client.write_config(Chat={"Endpoint": other.url, "ApiKey": None, "ApiKeyFile": str(key_file), "Tools": ["load"]})
        self.client.signal(signal.SIGHUP)
        self.client.wait_log("Configuration reloaded", since=since)
        self.assertTrue(self.ask(hub, "chat hello", "r5").is_success)
        headers, request = other.requests[0]
        self.assertEqual(headers["Authorization"], "Bearer canary-key-of-a-file")
        self.assertEqual(request["tools"][0]["function"]["name"], "load")
        self.client.write_config(Chat={"Enabled": False})
        self.client.signal(signal.SIGHUP)
        wait_until(lambda: self.client.status()["chat"] is None, "the assistant to be gone", 10)
        self.assertIn("Chat.Model", self.ask(hub, "chat hello", "r9").response)


class TerminalTest(ChatCase):
    def test_through_the_daemon(self):
        self.start_endpoint()
        self.start_all(config=self.chat_config())
        self.client.wait_connected()
        answer = self.command("chat", "Hello", "--session", "t1")
        self.assertEqual((answer.returncode, answer.stdout), (0, "Hello from the model\n"), answer.stderr)
        answer = self.command("chat", "--session", "t1", stdin="one\ntwo\n")
        self.assertEqual(answer.stdout, "Hello from the model\nHello from the model\n", answer.stderr)
        self.assertEqual(len(self.endpoint.requests[-1][1]["messages"]), 5)
        self.assertRegex(self.command("sessions", "list").stdout, r"t1 .* 6 +Hello\n")
        self.assertIn("> two", self.command("sessions", "show", "t1").stdout)
        self.assertEqual(self.command("sessions", "rename", "t1", "another name").returncode, 0)
        self.assertIn("another name", self.command("sessions", "list").stdout)
        self.assertEqual(self.command("sessions", "remove", "t1").returncode, 0)
        answer = self.command("sessions", "show", "t1")
        self.assertEqual(answer.returncode, 1)
        self.assertIn("there is no session t1", answer.stderr)
        self.assertNotIn(b"Hello from the model", self.sessions_file().read_bytes())

    def test_without_a_daemon(self):
        self.start_endpoint()
        self.client = Client(self.directory, config=self.chat_config(), start=False)
        answer = self.command("chat", "Hello", "--session", "t1")
        self.assertEqual((answer.returncode, answer.stdout), (0, "Hello from the model\n"), answer.stderr)
        self.assertIn("> Hello", self.command("sessions", "show", "t1").stdout)
        self.assertIn('"content":"Hello from the model"', self.command("sessions", "export").stdout)

    def test_an_answer_that_is_not_in_the_session_says_so(self):
        def answer(request):
            deeds.pop()()
            yield "Hello from the model"

        state = self.sessions_file().parent
        deeds = [lambda: self.command("sessions", "remove", "t1"), lambda: state.rename(self.directory / "away")]
        self.start_endpoint(answer)
        self.client = Client(self.directory, config=self.chat_config(), start=False)
        for with_daemon in (False, True):
            with self.subTest(with_daemon=with_daemon):
                if with_daemon:
                    self.start_all(config=self.chat_config())
                    self.client.wait_connected()
                answer = self.command("chat", "Hello", "--session", "t1")
                self.assertEqual((answer.returncode, answer.stdout), (1, "Hello from the model\n"), answer.stderr)
                self.assertIn("jiro-client: this is not in the session: ", answer.stderr)

    def test_a_look_without_a_daemon_makes_no_file(self):
        self.client = Client(self.directory, start=False)
        (self.directory / "state").mkdir(exist_ok=True)
        for arguments in (["list"], ["show", "t1"], ["rename", "t1", "another name"], ["export"]):
            with self.subTest(arguments):
                answer = self.command("sessions", *arguments)
                self.assertEqual((answer.returncode, answer.stdout), (1, ""), answer)
                self.assertIn(f"there are no conversations at {self.sessions_file()}", answer.stderr)
                self.assertFalse(self.sessions_file().exists())

    def test_exec_says_where_it_is(self):
        self.start_endpoint()
        self.client = Client(self.directory, config=self.chat_config(), start=False)
        answer = self.command("exec", "chat Hello")
        self.assertEqual(answer.returncode, 1)
        self.assertIn("chat needs the running daemon", answer.stderr)
        listing = self.command("commands").stdout
        for name in ("chat <prompt>", "reset [sessionId]", "sessionInfo [sessionId]", "sessions"):
            self.assertIn(name, listing)

    def test_a_long_conversation_costs_the_daemon_little(self):
        self.start_endpoint()
        self.client = Client(self.directory, config=self.chat_config(), start=False)
        other = self.directory / "jiro.db"
        with sqlite3.connect(other) as database:
            database.executescript(OTHER_CLIENTS_TABLES)
            database.execute("INSERT INTO ChatSessions VALUES ('long', 'long', '', '2025-08-06 13:53:19', '2025-08-06 13:55:00')")
            database.executemany("INSERT INTO Messages VALUES (?, ?, 'i', 'long', ?, '2025-08-06 13:53:19', 0)",
                                 ((f"m{i}", "x" * 500, 1 - i % 2) for i in range(20_000)))
        answer = self.command("sessions", "import", other)
        self.assertIn("20000 messages", answer.stdout, answer.stderr)
        hub = self.start_all(config=self.chat_config())
        self.ask(hub, "chat warm up", "c1", session="short")

        def resident():
            return int(pathlib.Path(f"/proc/{self.client.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        before = resident()
        hub.invoke({"requestId": "r1", "sessionId": "long"}, target="SingleSessionRequested", invocation_id="i1")
        self.assertEqual(hub.completion("i1")["result"]["TotalMessages"], 20_000)
        hub.invoke({"requestId": "r2", "sessionId": "long"}, target="SessionMessagesStreamRequested", invocation_id="i2")
        wait_until(lambda: sum(record.get("type") == 2 for record in hub.records) == 20_000, "all messages in the stream", 30)
        self.assertEqual(self.ask(hub, "chat and now?", "c2", session="long").response, "Hello from the model")
        if not sanitizers():
            self.assertLess(resident() - before, 10 * 1024 * 1024)

    def test_import_of_the_other_clients_file(self):
        self.start_endpoint()
        self.client = Client(self.directory, config=self.chat_config(), start=False)
        other = self.directory / "jiro.db"
        with sqlite3.connect(other) as database:
            database.executescript(
                OTHER_CLIENTS_TABLES +
                "INSERT INTO ChatSessions VALUES ('9a0e', 'Session-9a0e', '', '2025-08-06 13:53:19.12', '2025-08-06 13:55:00');"
                "INSERT INTO Messages VALUES ('m1', 'Hello', 'i', '9a0e', 1, '2025-08-06 13:53:19.12', 0);"
                "INSERT INTO Messages VALUES ('m2', 'Hi!', 'i', '9a0e', 0, '2025-08-06 13:53:21', 0);")
        answer = self.command("sessions", "import", other)
        self.assertEqual(answer.stdout, "1 sessions and 2 messages were taken over\n", answer.stderr)
        self.assertIn("Hi!", self.command("sessions", "show", "9a0e").stdout)
        answer = self.command("sessions", "import", self.client.config_file)
        self.assertEqual(answer.returncode, 1, answer)
        self.assertIn("Hi!", self.command("sessions", "show", "9a0e").stdout)

    def test_all_sessions_are_listed_and_exported(self):
        """There may be more than fit in one answer."""
        self.start_endpoint()
        self.client = Client(self.directory, config=self.chat_config(), start=False)
        other = self.directory / "jiro.db"
        with sqlite3.connect(other) as database:
            database.executescript(OTHER_CLIENTS_TABLES)
            database.executemany("INSERT INTO ChatSessions VALUES (?, 'name', '', '2025-08-06 13:53:19', ?)",
                                 ((f"s{i}", f"2025-08-06 {i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}") for i in range(1200)))
            database.executemany("INSERT INTO Messages VALUES (?, 'text', 'i', ?, 1, '2025-08-06 13:53:19', 0)",
                                 ((f"m{i}", f"s{i}") for i in range(1200)))
        self.assertIn("1200 sessions", self.command("sessions", "import", other).stdout)
        for when in ("no daemon runs", "one does"):
            with self.subTest(when):
                listed = [line.split()[0] for line in self.command("sessions", "list").stdout.splitlines()[1:]]
                self.assertEqual(listed, [f"s{i}" for i in reversed(range(1200))])
                as_json = json.loads(self.command("sessions", "list", "--json").stdout)
                self.assertEqual((as_json["total"], len(as_json["sessions"])), (1200, 1200))
            if not self.client.is_running():
                self.start_all(config=self.chat_config())
        exported = [json.loads(line)["session"]["id"] for line in self.command("sessions", "export").stdout.splitlines()]
        self.assertEqual(sorted(exported), sorted(f"s{i}" for i in range(1200)))

    def test_ctrl_c_cancels_the_answer(self):
        more = threading.Event()

        def slow(request):
            yield "The first half"
            while not more.wait(0.05):
                yield " ."

        self.start_endpoint(slow)
        self.addCleanup(more.set)
        self.start_all(config=self.chat_config())
        self.client.wait_connected()
        process = subprocess.Popen([CLIENT, "chat", "tell me", "--session", "t1", "--config", str(self.client.config_file)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
        self.assertEqual(os.read(process.stdout.fileno(), 9), b"The first")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
        self.assertEqual(process.returncode, 1)
        self.assertIn(b"cancelled at the terminal", errors)
        self.assertTrue(self.endpoint.closed.wait(5))
        self.assertIn("cut off here", self.command("sessions", "show", "t1").stdout)


if __name__ == "__main__":
    unittest.main()
