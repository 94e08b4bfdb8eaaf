import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubStatusCode;
import com.microsoft.azure.sdk.iot.device.exceptions.IotHubClientException;
import com.microsoft.azure.sdk.iot.device.twin.Twin;
import com.microsoft.azure.sdk.iot.device.twin.TwinCollection;

/**
 * Twin operations that are asked again when their answer is lost inside the SDK: its receiving thread
 * may forget who waits before the answer is handed over (Azure/azure-iot-sdk-java#1803).
 */
final class Patience {
    private static final int TRIES_MAX = 5;
    private static final int TRY_MILLISECONDS = 4000;

    private Patience() {}

    private interface Operation<T> {
        T run() throws IotHubClientException, InterruptedException;
    }

    /** Reports, once or (after a lost answer) again; says the version. */
    static int report(DeviceClient client, TwinCollection reported)
            throws IotHubClientException, InterruptedException {
        return persist(() -> client.updateReportedProperties(reported, TRY_MILLISECONDS)).getVersion();
    }

    /** Reads the device's twin. */
    static Twin twin(DeviceClient client) throws IotHubClientException, InterruptedException {
        return persist(() -> client.getTwin(TRY_MILLISECONDS));
    }

    private static <T> T persist(Operation<T> operation) throws IotHubClientException, InterruptedException {
        for (int attempt = 1;; attempt++) {
            try {
                return operation.run();
            } catch (IotHubClientException error) {
                boolean lost = error.getStatusCode() == IotHubStatusCode.DEVICE_OPERATION_TIMED_OUT;
                if (!lost || attempt == TRIES_MAX) {
                    throw error;
                }
            }
        }
    }
}
