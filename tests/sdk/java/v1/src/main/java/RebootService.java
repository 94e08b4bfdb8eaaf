import com.microsoft.azure.sdk.iot.service.devicetwin.DeviceMethod;
import com.microsoft.azure.sdk.iot.service.devicetwin.DeviceTwin;
import com.microsoft.azure.sdk.iot.service.devicetwin.DeviceTwinDevice;
import com.microsoft.azure.sdk.iot.service.devicetwin.MethodResult;

/**
 * The back end of Microsoft's tutorial "Get started with device management (Java)", on the SDK that the
 * tutorial pins: calls `reboot` and reads the reported properties until they tell of it. Argument: the
 * device.
 */
public final class RebootService {
    public static void main(String[] args) throws Exception {
        String connectionString = System.getenv("IOTHUB_CONNECTION_STRING");
        MethodResult result =
            DeviceMethod.createFromConnectionString(connectionString).invoke(args[0], "reboot", 30L, 5L, null);
        say("method result", result.getStatus() + " " + result.getPayload());
        DeviceTwin twins = DeviceTwin.createFromConnectionString(connectionString);
        DeviceTwinDevice device = new DeviceTwinDevice(args[0]);
        for (int turn = 0; turn < 20; turn++) {
            twins.getTwin(device);
            String reported = device.reportedPropertiesToString();
            if (reported.contains("lastReboot")) {
                say("last reboot", reported);
                System.exit(0);
            }
            say("waiting", "");
            Thread.sleep(1000);
        }
        System.exit(1);
    }

    private static void say(String name, String value) {
        System.out.println("{\"fact\":\"" + name + "\",\"value\":\"" + value.replace('"', '\'').replace("\n", " ") + "\"}");
    }
}
