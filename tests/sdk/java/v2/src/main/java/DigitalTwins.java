import static java.util.concurrent.TimeUnit.SECONDS;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.microsoft.azure.sdk.iot.device.ClientOptions;
import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.twin.DirectMethodResponse;
import com.microsoft.azure.sdk.iot.device.twin.TwinCollection;
import com.microsoft.azure.sdk.iot.service.digitaltwin.DigitalTwinClient;
import com.microsoft.azure.sdk.iot.service.digitaltwin.UpdateOperationUtility;
import com.microsoft.azure.sdk.iot.service.digitaltwin.models.DigitalTwinCommandResponse;
import com.microsoft.azure.sdk.iot.service.digitaltwin.serialization.BasicDigitalTwin;
import com.microsoft.azure.sdk.iot.service.registry.Device;
import com.microsoft.azure.sdk.iot.service.registry.RegistryClient;
import com.microsoft.rest.RestException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** Plug and Play on the current Java SDKs. */
public final class DigitalTwins {
    private static final String MODEL = "dtmi:com:example:TemperatureController;1";
    private static final DigitalTwinClient TWINS = new DigitalTwinClient(Hub.CONNECTION_STRING);

    public static void main(String[] args) throws Exception {
        Device identity = new RegistryClient(Hub.CONNECTION_STRING).addDevice(new Device("pnp-java"));
        String text = "HostName=" + Hub.part("HostName") + ";DeviceId=pnp-java;SharedAccessKey="
            + identity.getPrimaryKey();
        ClientOptions options = ClientOptions.builder().modelId(MODEL).build();
        DeviceClient client = new DeviceClient(text, IotHubClientProtocol.MQTT, options);
        client.open(false);
        BlockingQueue<com.microsoft.azure.sdk.iot.device.twin.Twin> heard = new LinkedBlockingQueue<>();
        client.subscribeToDesiredProperties((twin, context) -> heard.add(twin), null);
        client.subscribeToMethods((name, payload, context) ->
            new DirectMethodResponse(202, Map.of("was", name, "with", payload.getPayloadAsJsonString())), null);
        TwinCollection reported = new TwinCollection();
        reported.put("serialNumber", "s1");
        reported.put("thermostat1", Map.of("__t", "c", "maxTemp", 25.5));
        Patience.report(client, reported);
        read();
        update(heard);
        command();
        client.close();
        Facts.done();
    }

    private static void read() {
        Facts.check("a digital twin shows the model, properties and components", () -> {
            BasicDigitalTwin twin = TWINS.getDigitalTwin("pnp-java", BasicDigitalTwin.class);
            Facts.same("pnp-java", twin.getId());
            Facts.same(MODEL, twin.getMetadata().getModelId());
            Facts.same("s1", twin.getCustomProperties().get("serialNumber"));
            Map<?, ?> component = (Map<?, ?>) twin.getCustomProperties().get("thermostat1");
            Facts.same(25.5, component.get("maxTemp"));
        });
    }

    private static void update(BlockingQueue<com.microsoft.azure.sdk.iot.device.twin.Twin> heard) {
        Facts.check("a patch reaches the device as a desired property of its component", () -> {
            List<Object> patch = new UpdateOperationUtility()
                .appendAddPropertyOperation("/thermostat1/targetTemperature", 42).getUpdateOperations();
            TWINS.updateDigitalTwin("pnp-java", patch);
            Map<?, ?> component = (Map<?, ?>) heard.poll(10, SECONDS).getDesiredProperties().get("thermostat1");
            Facts.same("c", component.get("__t"));
            Facts.same(42.0, ((Number) component.get("targetTemperature")).doubleValue());
        });
        Facts.check("a patch of nothing is refused", () -> {
            List<Object> patch =
                new UpdateOperationUtility().appendRemovePropertyOperation("/nothing").getUpdateOperations();
            RestException error = Facts.refusal(
                RestException.class, () -> TWINS.updateDigitalTwin("pnp-java", patch));
            Facts.same(400, error.response().code());
        });
    }

    private static void command() {
        Facts.check("commands of the root and of a component reach the device, and its answer comes back", () -> {
            DigitalTwinCommandResponse root = TWINS.invokeCommand("pnp-java", "reboot", "5");
            Facts.same(202, root.getStatus());
            JsonObject told = JsonParser.parseString(root.getPayload(String.class)).getAsJsonObject();
            Facts.same("reboot", told.get("was").getAsString());
            DigitalTwinCommandResponse component =
                TWINS.invokeComponentCommand("pnp-java", "thermostat1", "getReport", "{}");
            told = JsonParser.parseString(component.getPayload(String.class)).getAsJsonObject();
            Facts.same("thermostat1*getReport", told.get("was").getAsString());
        });
    }
}
