//! Virtual devices: they speak MQTT to a hub as an SDK does, and reboot on command.
