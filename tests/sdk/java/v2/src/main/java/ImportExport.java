import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.microsoft.azure.sdk.iot.service.registry.Device;
import com.microsoft.azure.sdk.iot.service.registry.RegistryClient;
import com.microsoft.azure.sdk.iot.service.registry.RegistryJob;
import com.microsoft.azure.sdk.iot.service.registry.RegistryJob.JobStatus;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.util.Map;
import java.util.TreeMap;

/**
 * Imports and exports as the current Java SDK's registry makes them, with a container written and read
 * over plain HTTP. Argument: http://ADDRESS/devstoreaccount1.
 */
public final class ImportExport {
    private static final RegistryClient REGISTRY = new RegistryClient(Hub.CONNECTION_STRING);

    public static void main(String[] args) throws Exception {
        String address = args[0] + "/java";
        String signed = address + "?sv=2021-12-02&sig=any";
        HttpURLConnection made = open(address + "?restype=container&sig=any");
        made.setRequestMethod("PUT");
        Facts.same(201, made.getResponseCode());
        Facts.check("devices go out, away, and come back the same", () -> {
            for (int n = 0; n < 20; n++) {
                REGISTRY.addDevice(new Device("java-" + n));
            }
            Map<String, String> before = exported(address, signed);
            Facts.same(20, before.size());
            for (String id : before.keySet()) {
                REGISTRY.removeDevice(id);
            }
            RegistryJob job = ended(REGISTRY.importDevices(signed, signed));
            Facts.same(JobStatus.COMPLETED, job.getStatus());
            Facts.same(before, exported(address, signed));
        });
        Facts.done();
    }

    /** Ids, each with its keys. */
    private static Map<String, String> exported(String address, String signed) throws Exception {
        RegistryJob job = ended(REGISTRY.exportDevices(signed, false));
        Facts.same(JobStatus.COMPLETED, job.getStatus());
        Facts.same(100, job.getProgress());
        Map<String, String> found = new TreeMap<>();
        try (InputStream in = open(address + "/devices.txt?sig=any").getInputStream()) {
            for (String line : new String(in.readAllBytes(), UTF_8).split("\r\n")) {
                JsonObject row = JsonParser.parseString(line).getAsJsonObject();
                found.put(row.get("id").getAsString(), row.get("authentication").toString());
            }
        }
        return found;
    }

    private static RegistryJob ended(RegistryJob job) throws Exception {
        for (int attempt = 0; attempt < 600; attempt++) {
            RegistryJob now = REGISTRY.getJob(job.getJobId());
            switch (now.getStatus()) {
                case COMPLETED, FAILED, CANCELLED -> {
                    return now;
                }
                default -> Thread.sleep(50);
            }
        }
        throw new AssertionError(job.getJobId() + " does not end");
    }

    private static HttpURLConnection open(String address) throws Exception {
        return (HttpURLConnection) URI.create(address).toURL().openConnection();
    }
}
