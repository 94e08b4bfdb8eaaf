import static java.util.concurrent.TimeUnit.SECONDS;

import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubStatusCode;
import com.microsoft.azure.sdk.iot.device.Message;
import com.microsoft.azure.sdk.iot.device.exceptions.IotHubClientException;
import com.microsoft.azure.sdk.iot.device.twin.TwinCollection;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubConflictException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubNotFoundException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubPreconditionFailedException;
import com.microsoft.azure.sdk.iot.service.query.QueryClient;
import com.microsoft.azure.sdk.iot.service.query.QueryPageOptions;
import com.microsoft.azure.sdk.iot.service.query.TwinQueryResponse;
import com.microsoft.azure.sdk.iot.service.registry.Device;
import com.microsoft.azure.sdk.iot.service.registry.RegistryClient;
import com.microsoft.azure.sdk.iot.service.twin.Twin;
import com.microsoft.azure.sdk.iot.service.twin.TwinClient;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** Identities, twins and queries on the current Java SDKs. */
public final class Twins {
    private static final RegistryClient REGISTRY = new RegistryClient(Hub.CONNECTION_STRING);
    private static final TwinClient TWINS = new TwinClient(Hub.CONNECTION_STRING);

    public static void main(String[] args) throws Exception {
        identities();
        device();
        service();
        queries();
        Facts.done();
    }

    private static void identities() {
        Facts.check("a device is created, read, changed and removed", () -> {
            Device made = REGISTRY.addDevice(new Device("java-1"));
            Facts.same("java-1", made.getDeviceId());
            Facts.refusal(IotHubConflictException.class, () -> REGISTRY.addDevice(new Device("java-1")));
            Device read = REGISTRY.getDevice("java-1");
            Facts.same(made.getPrimaryKey(), read.getPrimaryKey());
            REGISTRY.removeDevice("java-1");
            Facts.refusal(IotHubNotFoundException.class, () -> REGISTRY.getDevice("java-1"));
        });
    }

    private static void device() throws Exception {
        Device identity = REGISTRY.addDevice(new Device("dev"));
        DeviceClient client = Hub.client(identity);
        client.open(false);
        BlockingQueue<com.microsoft.azure.sdk.iot.device.twin.Twin> heard = new LinkedBlockingQueue<>();
        client.subscribeToDesiredProperties((twin, context) -> heard.add(twin), null);
        Facts.check("a device reports, and its twin has it", () -> {
            TwinCollection reported = new TwinCollection();
            reported.put("nested", Map.of("n", 1));
            int version = Patience.report(client, reported);
            Facts.same(true, version >= 2);
            Facts.same(version, Patience.twin(client).getReportedProperties().getVersion());
            Twin twin = TWINS.get("dev");
            Facts.same("{\"n\":1}", twin.getReportedProperties().toJsonObject().get("nested").toString());
            Facts.same(true, twin.getReportedProperties().getTwinMetadata("nested") != null);
        });
        Facts.check("a key that is not allowed is refused", () -> {
            TwinCollection reported = new TwinCollection();
            reported.put("\u0001", 1);
            IotHubClientException error =
                Facts.refusal(IotHubClientException.class, () -> Patience.report(client, reported));
            Facts.same(IotHubStatusCode.BAD_FORMAT, error.getStatusCode());
        });
        Facts.check("a device hears of changed desired properties", () -> {
            Twin change = new Twin("dev");
            change.getDesiredProperties().put("interval", 5);
            Facts.same(2, TWINS.patch(change).getDesiredProperties().getVersion());
            var twin = heard.poll(10, SECONDS);
            Facts.same(2, twin.getDesiredProperties().getVersion());
            Facts.same(5.0, ((Number) twin.getDesiredProperties().get("interval")).doubleValue());
        });
        Facts.check("telemetry with properties is taken", () -> {
            Message message = new Message("{}");
            message.setContentType("application/json");
            message.setProperty("TestKey1234!#$%&'*+-^_`|~", "a \"b\" {c}");
            client.sendEvent(message);
        });
        client.close();
    }

    private static void service() {
        Facts.check("a stale etag is refused", () -> {
            Twin stale = TWINS.get("dev");
            Twin change = new Twin("dev");
            change.getTags().put("site", "a");
            TWINS.patch(change);
            Facts.refusal(
                IotHubPreconditionFailedException.class, () -> TWINS.replace(change, stale.getETag()));
            String current = TWINS.get("dev").getETag();
            Facts.same("a", TWINS.replace(change, current).getTags().get("site"));
            Facts.same(null, TWINS.get("dev").getDesiredProperties().get("interval"));
        });
    }

    private static void queries() {
        Facts.check("a query comes in pages", () -> {
            for (int n = 0; n < 3; n++) {
                REGISTRY.addDevice(new Device("q" + n));
                Twin change = new Twin("q" + n);
                change.getTags().put("n", n);
                TWINS.patch(change);
            }
            QueryClient client = new QueryClient(Hub.CONNECTION_STRING);
            QueryPageOptions page = QueryPageOptions.builder().pageSize(2).build();
            TwinQueryResponse answer = client.queryTwins("SELECT * FROM devices WHERE tags.n >= 0", page);
            List<String> found = new ArrayList<>();
            while (answer.hasNext()) {
                found.add(answer.next(page).getDeviceId());
            }
            found.sort(null);
            Facts.same(List.of("q0", "q1", "q2"), found);
        });
    }
}
