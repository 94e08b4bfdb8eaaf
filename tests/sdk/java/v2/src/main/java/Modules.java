import static java.util.concurrent.TimeUnit.SECONDS;

import com.microsoft.azure.sdk.iot.device.ClientOptions;
import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.ModuleClient;
import com.microsoft.azure.sdk.iot.device.transport.NoRetry;
import com.microsoft.azure.sdk.iot.device.twin.DirectMethodResponse;
import com.microsoft.azure.sdk.iot.device.twin.TwinCollection;
import com.microsoft.azure.sdk.iot.service.auth.AuthenticationType;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubConflictException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubNotFoundException;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodRequestOptions;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodsClient;
import com.microsoft.azure.sdk.iot.service.registry.Device;
import com.microsoft.azure.sdk.iot.service.registry.Module;
import com.microsoft.azure.sdk.iot.service.registry.RegistryClient;
import com.microsoft.azure.sdk.iot.service.twin.DeviceCapabilities;
import com.microsoft.azure.sdk.iot.service.twin.Twin;
import com.microsoft.azure.sdk.iot.service.twin.TwinClient;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** Modules, Edge devices, certificates and counts on the current Java SDKs. */
public final class Modules {
    private static final RegistryClient REGISTRY = new RegistryClient(Hub.CONNECTION_STRING);
    private static final TwinClient TWINS = new TwinClient(Hub.CONNECTION_STRING);
    private static final String MODEL = "dtmi:com:example:Camera;1";

    public static void main(String[] args) throws Exception {
        Device host = REGISTRY.addDevice(new Device("host"));
        modules();
        kinds();
        model(host);
        Facts.done();
    }

    private static void modules() throws Exception {
        Facts.check("modules are created, read, listed and removed", () -> {
            Module made = REGISTRY.addModule(new Module("host", "valve"));
            Facts.same("valve", made.getId());
            Facts.refusal(IotHubConflictException.class, () -> REGISTRY.addModule(new Module("host", "valve")));
            Facts.same(made.getPrimaryKey(), REGISTRY.getModule("host", "valve").getPrimaryKey());
            Facts.same(1, REGISTRY.getModulesOnDevice("host").size());
            REGISTRY.removeModule("host", "valve");
            Facts.refusal(IotHubNotFoundException.class, () -> REGISTRY.getModule("host", "valve"));
        });
        Module camera = REGISTRY.addModule(new Module("host", "camera"));
        String text = "HostName=" + Hub.part("HostName") + ";DeviceId=host;ModuleId=camera;SharedAccessKey="
            + camera.getPrimaryKey();
        ModuleClient client = new ModuleClient(text, IotHubClientProtocol.MQTT);
        client.setRetryPolicy(new NoRetry());
        client.open(false);
        BlockingQueue<com.microsoft.azure.sdk.iot.device.twin.Twin> heard = new LinkedBlockingQueue<>();
        client.subscribeToDesiredProperties((twin, context) -> heard.add(twin), null);
        client.subscribeToMethods(
            (name, payload, context) -> new DirectMethodResponse(200, payload.getPayload(Integer.class) + 1), null);
        Facts.check("a module's twin goes both ways, apart from its device's", () -> {
            TwinCollection reported = new TwinCollection();
            reported.put("fps", 30);
            client.updateReportedProperties(reported);
            Twin change = new Twin("host", "camera");
            change.getDesiredProperties().put("fps", 25);
            Twin changed = TWINS.patch(change);
            Facts.same(30.0, ((Number) changed.getReportedProperties().get("fps")).doubleValue());
            var twin = heard.poll(10, SECONDS);
            Facts.same(25.0, ((Number) twin.getDesiredProperties().get("fps")).doubleValue());
            Facts.same(null, TWINS.get("host").getReportedProperties().get("fps"));
        });
        Facts.check("a module answers a direct method", () -> {
            DirectMethodsClient methods = new DirectMethodsClient(Hub.CONNECTION_STRING);
            var options = DirectMethodRequestOptions.builder().payload(41).build();
            var answer = methods.invoke("host", "camera", "count", options);
            Facts.same(200, answer.getStatus());
            Facts.same(42, answer.getPayload(Integer.class));
        });
        Facts.check("a module that is deleted loses its connection", () -> {
            BlockingQueue<String> states = new LinkedBlockingQueue<>();
            client.setConnectionStatusChangeCallback(
                change -> states.add(change.getNewStatus().toString()), null);
            REGISTRY.removeModule("host", "camera");
            String state = states.poll(10, SECONDS);
            Facts.same(true, state != null && state.startsWith("DISCONNECTED"));
        });
        client.close();
    }

    private static void kinds() {
        Facts.check("an Edge device has system modules, and a child in its scope", () -> {
            Device wanted = new Device("edge");
            DeviceCapabilities capabilities = new DeviceCapabilities();
            capabilities.setIotEdge(true);
            wanted.setCapabilities(capabilities);
            Device edge = REGISTRY.addDevice(wanted);
            Facts.same(true, edge.getScope().startsWith("ms-azure-iot-edge://edge-"));
            Facts.same(2, REGISTRY.getModulesOnDevice("edge").size());
            Device child = new Device("leaf");
            child.setScope(edge.getScope());
            Device leaf = REGISTRY.addDevice(child);
            Facts.same(edge.getScope(), leaf.getScope());
            Facts.same(List.of(edge.getScope()), leaf.getParentScopes());
        });
        Facts.check("identities with certificates are kept", () -> {
            Device wanted = new Device("thumb", AuthenticationType.SELF_SIGNED);
            wanted.setThumbprint("A".repeat(40), "b".repeat(64));
            REGISTRY.addDevice(wanted);
            Device read = REGISTRY.getDevice("thumb");
            Facts.same("A".repeat(40), read.getPrimaryThumbprint());
            Facts.same("b".repeat(64), read.getSecondaryThumbprint());
            REGISTRY.addDevice(new Device("authority", AuthenticationType.CERTIFICATE_AUTHORITY));
            Facts.same(
                AuthenticationType.CERTIFICATE_AUTHORITY,
                REGISTRY.getDevice("authority").getAuthenticationType());
        });
        Facts.check("devices are counted", () -> {
            Facts.same(5L, REGISTRY.getStatistics().getTotalDeviceCount());
            // Those enabled the SDK reads from `enableDeviceCount`, which no hub sends.
            Facts.same(0L, REGISTRY.getStatistics().getDisabledDeviceCount());
        });
    }

    private static void model(Device host) {
        Facts.check("a device tells its model, and its twin has it", () -> {
            String text = "HostName=" + Hub.part("HostName") + ";DeviceId=host;SharedAccessKey="
                + host.getPrimaryKey();
            ClientOptions options = ClientOptions.builder().modelId(MODEL).build();
            DeviceClient client = new DeviceClient(text, IotHubClientProtocol.MQTT, options);
            client.open(false);
            Facts.same(MODEL, TWINS.get("host").getModelId());
            client.close();
        });
    }
}
