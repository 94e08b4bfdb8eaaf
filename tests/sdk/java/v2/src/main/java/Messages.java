import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;

import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubMessageResult;
import com.microsoft.azure.sdk.iot.device.Message;
import com.microsoft.azure.sdk.iot.service.registry.Device;
import com.microsoft.azure.sdk.iot.service.registry.RegistryClient;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** Messages to a device of the current Java SDK. They are sent over HTTP: the SDK itself sends over AMQP. */
public final class Messages {
    public static void main(String[] args) throws Exception {
        Device identity = new RegistryClient(Hub.CONNECTION_STRING).addDevice(new Device("c2d-java"));
        DeviceClient client = Hub.client(identity);
        BlockingQueue<Message> heard = new LinkedBlockingQueue<>();
        client.setMessageCallback((message, context) -> {
            heard.add(message);
            return IotHubMessageResult.COMPLETE;
        }, null);
        client.open(false);
        Facts.check("a message arrives with its properties", () -> {
            String target = "https://" + Hub.part("HostName")
                + "/devices/c2d-java/messages/deviceBound?api-version=2021-04-12";
            HttpRequest request = HttpRequest.newBuilder(URI.create(target))
                .header("Authorization", Hub.token(System.currentTimeMillis() / 1000 + 3600).getSignature())
                .header("iothub-messageid", "m1")
                .header("iothub-correlationid", "c/1")
                .header("iothub-app-fanSpeed", "a&b=c/d e")
                .POST(BodyPublishers.ofString("hello")).build();
            Facts.same(204, HttpClient.newHttpClient().send(request, BodyHandlers.discarding()).statusCode());
            Message message = heard.poll(10, SECONDS);
            Facts.same("hello", new String(message.getBytes(), UTF_8));
            Facts.same("m1", message.getMessageId());
            Facts.same("c/1", message.getCorrelationId());
            Facts.same("a&b=c/d e", message.getProperty("fanSpeed"));
        });
        client.close();
        Facts.done();
    }
}
