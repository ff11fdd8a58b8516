# SPDX-License-Identifier: MIT
"""Several daemons on one machine, by the template unit."""

import json
import unittest

from harness.case import Hub, Service, SystemTest


class InstancesTest(SystemTest):
    NAMES = ("one", "two")

    def instance(self, name, number):
        service = Service(self.machine, f"jiro-client@{name}", f"/etc/jiro/{name}.yaml")
        hub = Hub(self.machine, f"hub-{name}", 5100 + number, 5200 + number)
        hub.start()
        self.addCleanup(hub.stop)
        self.file(service.config, "", 0o640, "root:jiro")
        service.configure(
            {
                "WebSocket": {"HubUrl": f"http://127.0.0.1:{5100 + number}/instanceHub"},
                "Grpc": {"ServerUrl": f"http://127.0.0.1:{5200 + number}"},
                "Monitoring": {"Listen": f"127.0.0.1:{9500 + number}"},
            }
        )
        self.machine.run("systemctl", "enable", "--now", service.unit)
        self.addCleanup(self.machine.run, "systemctl", "disable", "--now", service.unit)
        hub.wait_client()
        return service, hub

    def test_two_instances(self):
        """Each has its own configuration, hub, state, socket and journal; reloading or ending one leaves the other alone."""
        services, hubs = zip(*(self.instance(name, number) for number, name in enumerate(self.NAMES)), strict=True)
        for service, hub, name in zip(services, hubs, self.NAMES, strict=True):
            self.assertEqual(hub.send(f"echo I am {name}", "--id", "same-id")["result"]["textResult"]["response"], f"I am {name}")
            self.assertEqual(len(service.journal("JIRO_COMMAND_SYNC_ID=same-id")), 4)
            status = json.loads(self.machine.out("jiro-client", "status", "--json", "--config", service.config))
            self.assertEqual(status["delivery"]["delivered"], 1)
            self.machine.run("test", "-s", f"/var/lib/jiro/{name}/outbox.db")
            self.machine.run("test", "-S", f"/run/jiro-client-{name}/control.sock")
        # The one without a name runs beside them.
        self.assertEqual(self.service.show("ActiveState"), "active")

        one, two = services
        pids = (one.pid, two.pid)
        one("reload")
        two.configure({"Grpc": {"TimeoutMs": -1}})
        self.assertNotEqual(two("reload", check=False).returncode, 0)
        self.assertIn("refused", two.wait_for_status("refused"))
        self.assertNotIn("refused", one.status_text)
        self.assertEqual((one.pid, two.pid), pids)
        one("stop")
        self.assertTrue(hubs[1].send("echo still here")["ok"])
        self.assertEqual(two.pid, pids[1])


if __name__ == "__main__":
    unittest.main()
