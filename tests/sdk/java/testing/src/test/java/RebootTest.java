import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.twin.DirectMethodResponse;
import com.microsoft.azure.sdk.iot.device.twin.TwinCollection;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodRequestOptions;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodsClient;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A device and a back end on Microsoft's SDKs, and the hub's own view of them. */
@ExtendWith(Hub.Extension.class)
final class RebootTest {
    /** The device: answers `reboot`, and reports how it goes. */
    private static DeviceClient pump(String connectionString) throws Exception {
        DeviceClient device = new DeviceClient(connectionString, IotHubClientProtocol.MQTT);
        device.open(false);
        device.subscribeToDesiredProperties((twin, context) -> { }, null); // before any report
        device.subscribeToMethods((name, payload, context) -> {
            new Thread(() -> report(device)).start();
            return new DirectMethodResponse(200, "Reboot started");
        }, null);
        return device;
    }

    private static void report(DeviceClient device) {
        for (String status : new String[] {"rebooting", "booted"}) {
            TwinCollection reported = new TwinCollection();
            reported.put("status", status);
            try {
                device.updateReportedProperties(reported);
            } catch (Exception error) {
                throw new IllegalStateException(error);
            }
        }
    }

    @Test
    void aRebootIsAnsweredAndReported(Hub hub) throws Exception {
        DeviceClient device = pump(hub.createDevice("pump-1"));
        DirectMethodRequestOptions times = DirectMethodRequestOptions.builder()
            .methodConnectTimeoutSeconds(5).methodResponseTimeoutSeconds(10).build();
        var answer = new DirectMethodsClient(hub.connectionString).invoke("pump-1", "reboot", times);
        assertEquals("\"Reboot started\"", answer.getPayloadAsJsonString());
        hub.waitForTwins("deviceId = 'pump-1' AND properties.reported.status = 'booted'");
        // The state in between, which no look at the twin would have found.
        hub.verify("{\"type\": \"reported\", \"device\": \"pump-1\", \"where\": \"patch.status=rebooting\"}");
        hub.verify("{\"type\": \"methodAnswered\", \"device\": \"pump-1\", \"count\": {\"exactly\": 1}}");
        device.close();
    }

    @Test
    void whatDidNotHappenFailsWithTheNearestMiss(Hub hub) throws Exception {
        hub.createDevice("pump-1");
        String wanted = "{\"type\": \"deviceCreated\", \"device\": \"pump-2\"}";
        AssertionError miss = assertThrows(AssertionError.class, () -> hub.verify(wanted));
        assertTrue(miss.getMessage().startsWith("expected at least 1, found 0"), miss.getMessage());
    }
}
