import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.HttpURLConnection;
import java.net.URI;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ExtensionContext.Store.CloseableResource;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/** A hub for the whole run, empty before each test: `@ExtendWith(Hub.Extension.class)`, and a parameter. */
final class Hub implements CloseableResource {
    private static final String HUBNERITE = System.getenv().getOrDefault("HUBNERITE", "hubnerite");
    private final Process process;
    private final String admin;
    final String connectionString;

    private Hub() throws Exception {
        // The SDKs' ports, on a loopback address that nobody else uses.
        process = new ProcessBuilder(HUBNERITE, "up", "--json", "--private")
            .redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String line = new BufferedReader(new InputStreamReader(process.getInputStream())).readLine();
        if (line == null) {
            throw new IllegalStateException("hubnerite ended with " + process.waitFor());
        }
        JsonObject ready = JsonParser.parseString(line).getAsJsonObject();
        admin = ready.get("adminUrl").getAsString();
        connectionString = ready.get("connectionString").getAsString();
        // Before the first TLS connection of this JVM. The files to trust follow the hub in a moment.
        System.setProperty("javax.net.ssl.trustStore", trustStore());
        System.setProperty("javax.net.ssl.trustStorePassword", "changeit");
    }

    private String trustStore() throws Exception {
        for (int attempt = 0; attempt < 1000; attempt++) {
            JsonObject hub = call("GET", "/admin/hub", null);
            if (!hub.get("trust").isJsonNull()) {
                return hub.getAsJsonObject("trust").get("pkcs12").getAsString();
            }
            Thread.sleep(10);
        }
        throw new IllegalStateException("the hub wrote no trust store");
    }

    /** Registers a device and gives its connection string. */
    String createDevice(String device) throws Exception {
        Process create = new ProcessBuilder(HUBNERITE, "device", "create", device, "--hub", connectionString)
            .redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String text = new String(create.getInputStream().readAllBytes()).trim();
        if (create.waitFor() != 0) {
            throw new AssertionError("cannot create " + device);
        }
        return text;
    }

    /** Removes every device, twin, queue and job. */
    void reset() throws Exception {
        ask("/admin/reset", "");
    }

    /** Fails unless the hub saw such an event (JSON), and says which one came nearest. */
    void verify(String event) throws Exception {
        ask("/admin/verify", event);
    }

    /** Waits until a twin is as a condition of the query language says. */
    void waitForTwins(String condition) throws Exception {
        JsonObject wanted = new JsonObject();
        wanted.addProperty("twins", condition);
        ask("/admin/wait", wanted.toString());
    }

    private void ask(String path, String body) throws IOException {
        call("POST", path, body);
    }

    /** Asks the admin API. What it refuses fails the test in the API's own words. */
    private JsonObject call(String verb, String path, String body) throws IOException {
        // Not java.net.http: it reads the trust store before there is one.
        HttpURLConnection http = (HttpURLConnection) URI.create(admin + path).toURL().openConnection();
        http.setRequestMethod(verb);
        if (body != null) {
            http.setDoOutput(true);
            http.setRequestProperty("Content-Type", "application/json");
            http.getOutputStream().write(body.getBytes(UTF_8));
        }
        boolean isGood = http.getResponseCode() == 200;
        try (InputStream in = isGood ? http.getInputStream() : http.getErrorStream()) {
            JsonObject told = JsonParser.parseString(new String(in.readAllBytes(), UTF_8)).getAsJsonObject();
            if (!isGood) {
                throw new AssertionError(told.get("detail").getAsString());
            }
            return told;
        }
    }

    @Override
    public void close() throws InterruptedException {
        process.destroy();
        process.waitFor();
    }

    /** Gives tests the hub, and resets it before each. */
    static final class Extension implements BeforeEachCallback, ParameterResolver {
        private static Hub hub(ExtensionContext context) {
            return context.getRoot().getStore(Namespace.GLOBAL)
                .getOrComputeIfAbsent("hub", key -> start(), Hub.class);
        }

        private static Hub start() {
            try {
                return new Hub();
            } catch (Exception error) {
                throw new IllegalStateException("hubnerite does not start", error);
            }
        }

        @Override
        public void beforeEach(ExtensionContext context) throws Exception {
            hub(context).reset();
        }

        @Override
        public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
            return parameter.getParameter().getType() == Hub.class;
        }

        @Override
        public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
            return hub(context);
        }
    }
}
