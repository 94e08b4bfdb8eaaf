import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.DeviceTwin.DeviceMethodData;
import com.microsoft.azure.sdk.iot.device.DeviceTwin.PropertyCallBack;
import com.microsoft.azure.sdk.iot.device.DeviceTwin.Property;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import java.time.LocalDateTime;
import java.util.Set;

/**
 * The device of Microsoft's tutorial "Get started with device management (Java)", on the SDK that the
 * tutorial pins. That SDK trusts only roots inside its jar, so the path of the hub's CA is set: the one
 * line a user must add. Runs until it is stopped. Argument: the CA's certificate.
 */
public final class RebootDevice {
    private static DeviceClient client;

    public static void main(String[] args) throws Exception {
        client = new DeviceClient(System.getenv("DEVICE_CONNECTION_STRING"), IotHubClientProtocol.MQTT);
        client.setOption("SetCertificatePath", args[0]);
        client.open();
        client.subscribeToDeviceMethod((name, data, context) -> {
            say("method", name);
            if (!name.equals("reboot")) {
                return new DeviceMethodData(404, "Not defined direct method " + name);
            }
            new Thread(RebootDevice::reboot).start();
            return new DeviceMethodData(200, "Started reboot");
        }, null, (status, context) -> say("method status", status.name()), null);
        PropertyCallBack<String, Object> onProperty = (key, value, context) -> say("property", key);
        client.startDeviceTwin((status, context) -> say("twin status", status.name()), null, onProperty, null);
        say("ready", "");
        Thread.currentThread().join();
    }

    private static void reboot() {
        try {
            Thread.sleep(5000);
            client.sendReportedProperties(Set.of(new Property("lastReboot", LocalDateTime.now())));
            say("reported", "");
        } catch (Exception error) {
            say("reboot failed", error.toString());
        }
    }

    /** Prints a fact; what is said here needs no escapes. */
    private static synchronized void say(String name, String value) {
        System.out.println("{\"fact\":\"" + name + "\",\"value\":\"" + value.replace('"', '\'') + "\"}");
    }
}
