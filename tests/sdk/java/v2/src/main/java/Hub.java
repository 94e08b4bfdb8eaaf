import static java.nio.charset.StandardCharsets.UTF_8;

import com.azure.core.credential.AzureSasCredential;
import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.transport.NoRetry;
import com.microsoft.azure.sdk.iot.service.registry.Device;
import java.net.URLEncoder;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** The hub under judgement, as its connection string tells of it. */
final class Hub {
    static final String CONNECTION_STRING = System.getenv("IOTHUB_CONNECTION_STRING");
    static final String WRONG_KEY = Base64.getEncoder().encodeToString(new byte[32]);

    private Hub() {}

    static String part(String name) {
        Map<String, String> parts = new HashMap<>();
        for (String field : CONNECTION_STRING.split(";")) {
            int at = field.indexOf('=');
            parts.put(field.substring(0, at), field.substring(at + 1));
        }
        return parts.get(name);
    }

    static DeviceClient client(String device, String key) {
        String text = "HostName=" + part("HostName") + ";DeviceId=" + device + ";SharedAccessKey=" + key;
        DeviceClient client = new DeviceClient(text, IotHubClientProtocol.MQTT);
        client.setRetryPolicy(new NoRetry());
        return client;
    }

    static DeviceClient client(Device identity) {
        return client(identity.getDeviceId(), identity.getPrimaryKey());
    }

    /** A token of the hub's policy that ran out at that time. */
    static AzureSasCredential token(long expirySeconds) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(Base64.getDecoder().decode(part("SharedAccessKey")), "HmacSHA256"));
        String host = part("HostName");
        byte[] signature = mac.doFinal((host + "\n" + expirySeconds).getBytes(UTF_8));
        String encoded = URLEncoder.encode(Base64.getEncoder().encodeToString(signature), UTF_8);
        return new AzureSasCredential("SharedAccessSignature sr=" + host + "&sig=" + encoded
            + "&se=" + expirySeconds + "&skn=" + part("SharedAccessKeyName"));
    }
}
