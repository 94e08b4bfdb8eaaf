import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.twin.DirectMethodResponse;
import com.microsoft.azure.sdk.iot.device.twin.TwinCollection;
import java.time.LocalDateTime;

/**
 * The device of Microsoft's tutorial "Get started with device management (Java)", on the current SDK:
 * answers `reboot` at once and reports `lastReboot` five seconds later. Runs until it is stopped.
 * Argument: MQTT or MQTT_WS.
 */
public final class RebootDevice {
    public static void main(String[] args) throws Exception {
        String connectionString = System.getenv("DEVICE_CONNECTION_STRING");
        IotHubClientProtocol protocol = IotHubClientProtocol.valueOf(args[0]);
        DeviceClient client = new DeviceClient(connectionString, protocol);
        client.open(false);
        client.subscribeToDesiredProperties((twin, context) -> {}, null);
        client.subscribeToMethods((name, payload, context) -> {
            Facts.fact("method", name + " " + payload.getPayloadAsJsonString());
            if (!name.equals("reboot")) {
                return new DirectMethodResponse(404, "Not defined direct method " + name);
            }
            new Thread(() -> reboot(client)).start();
            return new DirectMethodResponse(200, "Started reboot");
        }, null);
        Facts.fact("ready", null);
        Thread.currentThread().join();
    }

    private static void reboot(DeviceClient client) {
        try {
            Thread.sleep(5000);
            TwinCollection reported = new TwinCollection();
            reported.put("lastReboot", LocalDateTime.now().toString());
            Facts.fact("reported", Patience.report(client, reported));
        } catch (Exception error) {
            Facts.fact("reboot failed", error.toString());
        }
    }
}
