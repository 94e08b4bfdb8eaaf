import static java.util.concurrent.TimeUnit.SECONDS;

import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubStatusCode;
import com.microsoft.azure.sdk.iot.device.exceptions.IotHubClientException;
import com.microsoft.azure.sdk.iot.device.transport.IotHubConnectionStatus;
import com.microsoft.azure.sdk.iot.device.transport.NoRetry;
import com.microsoft.azure.sdk.iot.device.twin.DirectMethodResponse;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubGatewayTimeoutException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubNotFoundException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubUnauthorizedException;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodRequestOptions;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodsClient;
import com.microsoft.azure.sdk.iot.service.registry.Device;
import com.microsoft.azure.sdk.iot.service.registry.DeviceStatus;
import com.microsoft.azure.sdk.iot.service.registry.RegistryClient;
import com.microsoft.azure.sdk.iot.service.twin.TwinClient;
import java.util.concurrent.CountDownLatch;

/** What a user of the current Java SDKs meets when something is wrong. */
public final class Errors {
    private static final RegistryClient REGISTRY = new RegistryClient(Hub.CONNECTION_STRING);
    private static final DirectMethodsClient METHODS = new DirectMethodsClient(Hub.CONNECTION_STRING);

    public static void main(String[] args) throws Exception {
        devices();
        methods();
        backEnds();
        Facts.done();
    }

    private static Void open(DeviceClient client) throws Exception {
        client.open(false);
        return null;
    }

    private static IotHubStatusCode refusedToOpen(DeviceClient client) {
        return Facts.refusal(IotHubClientException.class, () -> open(client)).getStatusCode();
    }

    private static void devices() throws Exception {
        Device good = REGISTRY.addDevice(new Device("good"));
        Facts.check("a device with a wrong key is not let in", () ->
            Facts.same(IotHubStatusCode.UNAUTHORIZED, refusedToOpen(Hub.client("good", Hub.WRONG_KEY))));
        Facts.check("a device that nobody registered is not let in", () ->
            Facts.same(IotHubStatusCode.UNAUTHORIZED, refusedToOpen(Hub.client("nobody", Hub.WRONG_KEY))));
        Facts.check("a disabled device cannot connect", () -> {
            good.setStatus(DeviceStatus.Disabled);
            Device disabled = REGISTRY.updateDevice(good);
            Facts.same(DeviceStatus.Disabled, disabled.getStatus());
            refusedToOpen(Hub.client(good));
        });
        Facts.check("a device that is deleted while connected loses its connection", () -> {
            DeviceClient doomed = Hub.client(REGISTRY.addDevice(new Device("doomed")));
            CountDownLatch gone = new CountDownLatch(1);
            doomed.setConnectionStatusChangeCallback(change -> {
                if (change.getNewStatus() != IotHubConnectionStatus.CONNECTED) {
                    gone.countDown();
                }
            }, null);
            doomed.open(false);
            REGISTRY.removeDevice("doomed");
            Facts.same(true, gone.await(10, SECONDS));
            doomed.close();
        });
    }

    /** Five seconds for the device to answer, none to connect; the SDK would allow 200 for each. */
    private static DirectMethodRequestOptions.DirectMethodRequestOptionsBuilder times() {
        return DirectMethodRequestOptions.builder()
            .methodResponseTimeoutSeconds(5)
            .methodConnectTimeoutSeconds(0);
    }

    private static void methods() throws Exception {
        Device silent = REGISTRY.addDevice(new Device("silent"));
        Facts.check("a method on an unknown device is 404001", () -> {
            IotHubException error =
                Facts.refusal(IotHubNotFoundException.class, () -> METHODS.invoke("nobody", "x", times().build()));
            Facts.same(404001, error.getErrorCode());
        });
        Facts.check("a method on an offline device is 404103", () -> {
            IotHubException error =
                Facts.refusal(IotHubNotFoundException.class, () -> METHODS.invoke("silent", "x", times().build()));
            Facts.same(404103, error.getErrorCode());
        });
        DeviceClient client = Hub.client(silent);
        client.open(false);
        client.subscribeToMethods((name, payload, context) -> name.equals("echo")
            ? new DirectMethodResponse(998, payload.getPayloadAsJsonElement())
            : null, null);
        Facts.check("the device's status and payload come back, whatever they are", () -> {
            for (String payload : new String[] {"foo", "", "{\"a\":1}"}) {
                DirectMethodRequestOptions call = times().payload(payload).build();
                var answer = METHODS.invoke("silent", "echo", call);
                Facts.same(998, answer.getStatus());
                Facts.same(payload, answer.getPayload(String.class));
            }
        });
        Facts.check("a method that nobody answers times out", () -> {
            // The SDK sends nothing where the application has no answer.
            Facts.refusal(
                IotHubGatewayTimeoutException.class, () -> METHODS.invoke("silent", "mute", times().build()));
        });
        client.close();
    }

    private static void backEnds() {
        Facts.check("a back end with a wrong key is unauthorized", () -> {
            String text = "HostName=" + Hub.part("HostName")
                + ";SharedAccessKeyName=iothubowner;SharedAccessKey=" + Hub.WRONG_KEY;
            Facts.refusal(IotHubUnauthorizedException.class, () -> new TwinClient(text).get("silent"));
        });
        Facts.check("a back end with an expired token is unauthorized", () -> {
            TwinClient late = new TwinClient(Hub.part("HostName"), Hub.token(0));
            Facts.refusal(IotHubUnauthorizedException.class, () -> late.get("silent"));
        });
    }
}
