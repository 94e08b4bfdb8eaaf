import static java.util.concurrent.TimeUnit.SECONDS;

import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.service.configurations.Configuration;
import com.microsoft.azure.sdk.iot.service.configurations.ConfigurationContent;
import com.microsoft.azure.sdk.iot.service.configurations.ConfigurationMetrics;
import com.microsoft.azure.sdk.iot.service.configurations.ConfigurationsClient;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubConflictException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubNotFoundException;
import com.microsoft.azure.sdk.iot.service.registry.Device;
import com.microsoft.azure.sdk.iot.service.registry.RegistryClient;
import com.microsoft.azure.sdk.iot.service.twin.Twin;
import com.microsoft.azure.sdk.iot.service.twin.TwinClient;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** Automatic device configurations on the current Java SDKs. */
public final class Configurations {
    private static final ConfigurationsClient CONFIGURATIONS =
        new ConfigurationsClient(Hub.CONNECTION_STRING);
    private static final TwinClient TWINS = new TwinClient(Hub.CONNECTION_STRING);

    public static void main(String[] args) throws Exception {
        Device identity = new RegistryClient(Hub.CONNECTION_STRING).addDevice(new Device("pump"));
        DeviceClient client = Hub.client(identity);
        client.open(false);
        BlockingQueue<com.microsoft.azure.sdk.iot.device.twin.Twin> heard = new LinkedBlockingQueue<>();
        client.subscribeToDesiredProperties((twin, context) -> heard.add(twin), null);
        targeted(heard);
        changed();
        client.close();
        Facts.done();
    }

    private static Configuration configuration() {
        Configuration configuration = new Configuration("pumps");
        ConfigurationContent content = new ConfigurationContent();
        content.setDeviceContent(new HashMap<>(Map.of("properties.desired.pump", Map.of("rate", 7))));
        configuration.setContent(content);
        configuration.setTargetCondition("tags.kind = 'pump'");
        configuration.setPriority(1);
        ConfigurationMetrics metrics = new ConfigurationMetrics();
        metrics.setQueries(new HashMap<>(Map.of("all", "SELECT deviceId FROM devices")));
        configuration.setMetrics(metrics);
        return configuration;
    }

    private static void targeted(BlockingQueue<com.microsoft.azure.sdk.iot.device.twin.Twin> heard) {
        Facts.check("a configuration is created once", () -> {
            Facts.same("pumps", CONFIGURATIONS.create(configuration()).getId());
            Facts.refusal(IotHubConflictException.class, () -> CONFIGURATIONS.create(configuration()));
        });
        Facts.check("a device that comes to be targeted hears of its desired properties", () -> {
            Twin change = new Twin("pump");
            change.getTags().put("kind", "pump");
            TWINS.patch(change);
            var twin = heard.poll(10, SECONDS);
            Facts.same("{\"rate\":7}", String.valueOf(twin.getDesiredProperties().get("pump")));
        });
        Facts.check("a configuration is read with its metrics, and listed", () -> {
            Configuration read = CONFIGURATIONS.get("pumps");
            for (int tries = 0; !isCounted(read); tries++) {
                Facts.same(true, tries < 100);
                Thread.sleep(50);
                read = CONFIGURATIONS.get("pumps");
            }
            Facts.same(1, CONFIGURATIONS.get(20).size());
        });
    }

    private static boolean isCounted(Configuration read) {
        Long one = 1L;
        return one.equals(read.getSystemMetrics().getResults().get("appliedCount"))
            && one.equals(read.getMetrics().getResults().get("all"));
    }

    private static void changed() {
        Facts.check("a configuration is replaced", () -> {
            Configuration read = CONFIGURATIONS.get("pumps");
            read.setPriority(2);
            Facts.same(2, CONFIGURATIONS.replace(read).getPriority());
        });
        Facts.check("content is applied on one device", () -> {
            ConfigurationContent content = new ConfigurationContent();
            content.setDeviceContent(new HashMap<>(Map.of("properties.desired.once", 1)));
            CONFIGURATIONS.applyConfigurationContentOnDevice("pump", content);
            Facts.same(1.0, ((Number) TWINS.get("pump").getDesiredProperties().get("once")).doubleValue());
        });
        Facts.check("a configuration is deleted", () -> {
            CONFIGURATIONS.delete("pumps");
            Facts.refusal(IotHubNotFoundException.class, () -> CONFIGURATIONS.get("pumps"));
        });
    }
}
