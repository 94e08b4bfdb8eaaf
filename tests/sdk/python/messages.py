"""Messages to a device of azure-iot-device, and what became of them, as azure-iot-hub reads it."""

import os

from azure.iot.device import IoTHubDeviceClient
from azure.iot.hub import IoTHubRegistryManager

from facts import Heard, check, done, eventually, parts

HUB = os.environ["IOTHUB_CONNECTION_STRING"]
HOST = parts(HUB)["HostName"]
registry = IoTHubRegistryManager(HUB)
feedback = registry.protocol.cloud_to_device_messages


def connect():
    identity = registry.create_device_with_sas("c2d-py", "", "", "enabled")
    key = identity.authentication.symmetric_key.primary_key
    client = IoTHubDeviceClient.create_from_connection_string(
        f"HostName={HOST};DeviceId=c2d-py;SharedAccessKey={key}"
    )
    received = Heard()
    client.on_message_received = received
    client.connect()
    return client, received


def send(headers, body):
    """Over HTTP, as IoT Explorer does; the SDK itself sends over AMQP."""
    session = registry.protocol.config.credentials.signed_session()
    answer = session.post(
        f"https://{HOST}/devices/c2d-py/messages/deviceBound?api-version=2021-04-12",
        data=body,
        headers=headers,
    )
    assert answer.status_code == 204, answer.text


client, received = connect()


@check("a message arrives with all its properties, and their names as they were written")
def _():
    send(
        {
            "iothub-messageid": "m 1",
            "iothub-correlationid": "c/1",
            "iothub-userid": "u",
            "iothub-ack": "Full",
            "Content-Type": "application/json",
            "Content-Encoding": "utf-8",
            "iothub-app-fanSpeed": "a&b=c/d e",
            "iothub-app-UPPER_x": "1",
        },
        b'{"on": true}',
    )
    message = received.first("the message")
    assert message.data == b'{"on": true}', message.data
    seen = (message.message_id, message.correlation_id, message.user_id)
    assert seen == ("m 1", "c/1", "u"), seen
    assert (message.content_type, message.content_encoding) == ("application/json", "utf-8")
    assert message.ack == "full", message.ack
    properties = message.custom_properties
    assert properties == {"fanSpeed": "a&b=c/d e", "UPPER_x": "1"}, properties


@check("feedback tells that the device has the message, and is completed")
def _():
    def ask():
        answer = feedback.receive_feedback_notification(raw=True).response
        return answer if answer.status_code == 200 else None

    answer = eventually("feedback", ask, 20.0)
    [record] = answer.json()
    outcome = (record["originalMessageId"], record["deviceId"], record["statusCode"])
    assert outcome == ("m 1", "c2d-py", "Success"), record
    generation = registry.get_device("c2d-py").generation_id
    assert record["deviceGenerationId"] == generation, record
    token = answer.headers["ETag"].strip('"')
    feedback.complete_feedback_notification(token)
    assert feedback.receive_feedback_notification(raw=True).response.status_code == 204


client.shutdown()
done()
