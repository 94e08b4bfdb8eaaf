import com.microsoft.azure.sdk.iot.service.methods.DirectMethodRequestOptions;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodResponse;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodsClient;
import com.microsoft.azure.sdk.iot.service.twin.TwinClient;

/**
 * The back end of Microsoft's tutorial "Get started with device management (Java)", on the current SDK:
 * calls `reboot` and reads the reported properties until they tell of it. Argument: the device.
 */
public final class RebootService {
    public static void main(String[] args) throws Exception {
        String connectionString = System.getenv("IOTHUB_CONNECTION_STRING");
        DirectMethodsClient methods = new DirectMethodsClient(connectionString);
        TwinClient twins = new TwinClient(connectionString);
        DirectMethodRequestOptions times = DirectMethodRequestOptions.builder()
            .methodResponseTimeoutSeconds(30)
            .methodConnectTimeoutSeconds(5)
            .build();
        DirectMethodResponse result = methods.invoke(args[0], "reboot", times);
        Facts.fact("method result", result.getStatus() + " " + result.getPayloadAsJsonString());
        for (int turn = 0; turn < 20; turn++) {
            Object lastReboot = twins.get(args[0]).getReportedProperties().get("lastReboot");
            if (lastReboot != null) {
                Facts.fact("last reboot", lastReboot);
                Facts.done();
            }
            Facts.fact("waiting", null);
            Thread.sleep(1000);
        }
        System.exit(1);
    }
}
