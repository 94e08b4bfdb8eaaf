//! Callers of methods: over MQTT on a broker, over HTTP on a hub. The HTTP caller asks for anything else
//! as well.

use std::io::Write;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, bail};

use super::device::{each_packet, request_id};
use super::mqtt::{Heard, SignedIn, put_publish};
use super::talker::{Talker, Turn};

/// What a call carries.
const PAYLOAD: &[u8] = br#"{"delay":5}"#;

/// One caller on a broker, with its devices and the calls it keeps in flight.
#[derive(Debug)]
pub(crate) struct MqttCaller {
    signed_in: SignedIn,
    /// The caller's part of a request's id, by which the device finds it again.
    number: usize,
    devices: Vec<String>,
    /// When each call in flight was made. Its slot is part of its id, so the answer finds it.
    asked_at: Vec<Option<Instant>>,
    asked: usize,
}

impl MqttCaller {
    pub(crate) fn new(
        signed_in: SignedIn,
        number: usize,
        devices: Vec<String>,
        in_flight: usize,
    ) -> Self {
        Self {
            signed_in,
            number,
            devices,
            asked_at: vec![None; in_flight],
            asked: 0,
        }
    }

    /// Each request's id is fresh, as the hub's are: `{caller}-{count}-{slot}`.
    fn ask(
        (number, devices): (usize, &[String]),
        asked: &mut usize,
        slot: usize,
        output: &mut Vec<u8>,
    ) {
        let device = devices[*asked % devices.len()].as_bytes();
        let mut rid = [0; 40];
        let mut rest = &mut rid[..];
        write!(rest, "{number}-{asked}-{slot}").expect("40 bytes hold three numbers");
        let left = rest.len();
        let rid = &rid[..40 - left];
        let topic = [
            b"devices/".as_slice(),
            device,
            b"/methods/POST/reboot/?$rid=",
            rid,
        ];
        put_publish(output, &topic, None, PAYLOAD);
        *asked += 1;
    }
}

impl Talker for MqttCaller {
    fn open(&mut self, output: &mut Vec<u8>) {
        self.signed_in.open(output);
    }

    fn hear(&mut self, input: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<usize> {
        let who = (self.number, self.devices.as_slice());
        let (asked_at, asked) = (&mut self.asked_at, &mut self.asked);
        each_packet(&mut self.signed_in, input, turn, |heard, turn| {
            let Heard::Publish { topic } = heard else {
                bail!("a caller heard {heard:?}");
            };
            let slot = slot_of(request_id(topic)).context("an id that nobody made")?;
            let open = asked_at.get_mut(slot).context("an id that nobody made")?;
            let Some(begun) = open.replace(turn.now) else {
                bail!("an answer to a call that was not made");
            };
            turn.meter.record(begun, turn.now);
            Self::ask(who, asked, slot, turn.output);
            Ok(())
        })
    }

    fn is_ready(&self) -> bool {
        self.signed_in.is_done()
    }

    fn start(&mut self, turn: &mut Turn<'_>) {
        for slot in 0..self.asked_at.len() {
            let who = (self.number, self.devices.as_slice());
            Self::ask(who, &mut self.asked, slot, turn.output);
        }
        self.asked_at.fill(Some(turn.now));
    }
}

/// The digits behind the last dash.
fn slot_of(rid: &[u8]) -> Option<usize> {
    let dash = rid.iter().rposition(|byte| *byte == b'-')?;
    std::str::from_utf8(&rid[dash + 1..]).ok()?.parse().ok()
}

/// One caller over HTTP/1.1: one request at a time on a kept connection. Anything but 200 is an error.
#[derive(Debug)]
pub(crate) struct HttpCaller {
    /// Said in turn.
    requests: Vec<Rc<[u8]>>,
    /// How often something is said in all.
    times: usize,
    asked: usize,
    asked_at: Option<Instant>,
}

impl HttpCaller {
    pub(crate) fn new(requests: Vec<Rc<[u8]>>) -> Self {
        Self {
            requests,
            times: usize::MAX,
            asked: 0,
            asked_at: None,
        }
    }

    /// The same, and each request is said once.
    pub(crate) fn once(mut self) -> Self {
        self.times = self.requests.len();
        self
    }

    fn ask(&mut self, turn: &mut Turn<'_>) {
        if self.asked == self.times {
            return;
        }
        turn.output
            .extend_from_slice(&self.requests[self.asked % self.requests.len()]);
        self.asked += 1;
        self.asked_at = Some(turn.now);
    }
}

impl Talker for HttpCaller {
    fn open(&mut self, _output: &mut Vec<u8>) {}

    fn hear(&mut self, input: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<usize> {
        let Some(bytes) = whole_answer(input)? else {
            return Ok(0);
        };
        let Some(asked_at) = self.asked_at.take().filter(|_| bytes == input.len()) else {
            bail!("an answer to nothing");
        };
        turn.meter.record(asked_at, turn.now);
        self.ask(turn);
        Ok(bytes)
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn start(&mut self, turn: &mut Turn<'_>) {
        self.ask(turn);
    }
}

/// How long the answer is, once all of it is there. It must say its length.
fn whole_answer(input: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(head_bytes) = input.windows(4).position(|it| it == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = &input[..head_bytes];
    if !head.starts_with(b"HTTP/1.1 200") {
        bail!("the answer is {}", String::from_utf8_lossy(input));
    }
    let length = head
        .split(|byte| *byte == b'\n')
        .find_map(|line| {
            let (name, value) = line.split_at_checked(b"content-length:".len())?;
            name.eq_ignore_ascii_case(b"content-length:")
                .then_some(value)
        })
        .context("an answer without content-length")?;
    let body_bytes: usize = std::str::from_utf8(length)?.trim().parse()?;
    let bytes = head_bytes + 4 + body_bytes;
    Ok((input.len() >= bytes).then_some(bytes))
}

/// Says so many bytes, and says them again when they are back.
#[derive(Debug)]
pub(crate) struct EchoCaller {
    words: Vec<u8>,
    said_at: Option<Instant>,
}

impl EchoCaller {
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            words: vec![b'x'; bytes],
            said_at: None,
        }
    }
}

impl Talker for EchoCaller {
    fn open(&mut self, _output: &mut Vec<u8>) {}

    fn hear(&mut self, input: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<usize> {
        if input.len() < self.words.len() {
            return Ok(0);
        }
        let said_at = self.said_at.context("an echo of nothing")?;
        turn.meter.record(said_at, turn.now);
        self.start(turn);
        Ok(self.words.len())
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn start(&mut self, turn: &mut Turn<'_>) {
        turn.output.extend_from_slice(&self.words);
        self.said_at = Some(turn.now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: now\r\n\r\n{}";
        for cut in 0..answer.len() {
            assert_eq!(whole_answer(&answer[..cut]).unwrap(), None);
        }
        assert_eq!(whole_answer(answer).unwrap(), Some(answer.len()));
        assert!(whole_answer(b"HTTP/1.1 404 Not Found\r\n\r\n").is_err());
    }

    #[test]
    fn an_answer_finds_its_slot() {
        assert_eq!(slot_of(b"63-1234-5"), Some(5));
        assert_eq!(slot_of(b"5"), None);
    }
}
