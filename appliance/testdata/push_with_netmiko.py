"""Drive a device as any netmiko script would: no special options."""
import sys
import netmiko

host, port, secret, path = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
c = netmiko.ConnectHandler(device_type="cisco_ios", host=host, port=port,
                           username="admin", password="admin-password", secret=secret)
print("prompt", c.find_prompt())
c.enable()
print("prompt", c.find_prompt())
with open(path) as f:
    lines = f.read().splitlines()
sent = c.send_config_set(lines)
print("refused", [l for l in sent.splitlines() if l.lstrip().startswith("%")])
print("prompt", c.find_prompt())
print("bad", "% Invalid input detected" in c.send_command("show bogus"))
print("running-config")
print(c.send_command("show running-config"))
print("end of running-config")
print("saved", "[OK]" in c.save_config())
c.disconnect()
