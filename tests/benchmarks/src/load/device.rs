//! Devices: idle, answering calls, publishing.

use std::time::Instant;

use anyhow::bail;

use super::mqtt::{Frame, Heard, SignedIn, put_publish};
use super::talker::{Talker, Turn};

/// What a device answers to a call.
const ANSWER: &[u8] = br#"{"rebooting":true}"#;

/// Walks the whole packets of `input`; those that belong to signing in are taken by it.
pub(super) fn each_packet(
    signed_in: &mut SignedIn,
    input: &[u8],
    turn: &mut Turn<'_>,
    mut hear: impl FnMut(Heard<'_>, &mut Turn<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<usize> {
    let mut used = 0;
    while let Some((frame, bytes)) = Frame::next(&input[used..])? {
        if !signed_in.takes(frame, turn)? {
            hear(frame.heard()?, turn)?;
        }
        used += bytes;
    }
    Ok(used)
}

/// A device that signs in and keeps silent.
#[derive(Debug)]
pub(crate) struct Idle {
    signed_in: SignedIn,
    /// What it says before that. A PUBLISH of the server's answers it.
    last_words: Vec<u8>,
    is_answered: bool,
}

impl Idle {
    pub(crate) fn new(signed_in: SignedIn) -> Self {
        Self {
            signed_in,
            last_words: Vec::new(),
            is_answered: true,
        }
    }

    /// One that counts as connected once this is answered.
    pub(crate) fn after(signed_in: SignedIn, last_words: Vec<u8>) -> Self {
        Self {
            signed_in,
            last_words,
            is_answered: false,
        }
    }
}

impl Talker for Idle {
    fn open(&mut self, output: &mut Vec<u8>) {
        self.signed_in.open(output);
    }

    fn hear(&mut self, input: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<usize> {
        let is_answered = &mut self.is_answered;
        let used = each_packet(&mut self.signed_in, input, turn, |heard, _| {
            if std::mem::replace(is_answered, true) {
                bail!("an idle device heard {heard:?}");
            }
            Ok(())
        })?;
        if self.signed_in.is_done() {
            turn.output.append(&mut self.last_words);
            self.last_words = Vec::new();
        }
        Ok(used)
    }

    fn is_ready(&self) -> bool {
        self.signed_in.is_done() && self.is_answered
    }
}

/// Where the answer to the call of this topic goes: the two parts before `/methods/res/`.
pub(crate) type AnswerRoot = for<'a> fn(&'a [u8]) -> [&'a [u8]; 2];

/// A device that answers each call at once, on `{root}/methods/res/200/?$rid={rid}`.
#[derive(Debug)]
pub(crate) struct Answering {
    signed_in: SignedIn,
    root: AnswerRoot,
}

impl Answering {
    /// `root` finds where an answer goes in the topic of the call.
    pub(crate) fn new(signed_in: SignedIn, root: AnswerRoot) -> Self {
        Self { signed_in, root }
    }
}

impl Talker for Answering {
    fn open(&mut self, output: &mut Vec<u8>) {
        self.signed_in.open(output);
    }

    fn hear(&mut self, input: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<usize> {
        let root = self.root;
        each_packet(&mut self.signed_in, input, turn, |heard, turn| {
            let Heard::Publish { topic } = heard else {
                bail!("a device that answers heard {heard:?}");
            };
            let rid = request_id(topic);
            let [front, back] = root(topic);
            let answer = [front, back, b"/methods/res/200/?$rid=", rid];
            put_publish(turn.output, &answer, None, ANSWER);
            Ok(())
        })
    }

    fn is_ready(&self) -> bool {
        self.signed_in.is_done()
    }
}

/// What stands behind the last `=` of a topic.
pub(crate) fn request_id(topic: &[u8]) -> &[u8] {
    let equals = topic.iter().rposition(|byte| *byte == b'=');
    &topic[equals.map_or(0, |at| at + 1)..]
}

/// A device that publishes one packet after another and keeps a number of them unanswered. What
/// answers a packet is a PUBACK, or a PUBLISH of the server's: answers come in order.
#[derive(Debug)]
pub(crate) struct Publishing {
    signed_in: SignedIn,
    /// One for each that may be unanswered, said in turn.
    packets: Vec<Vec<u8>>,
    said_at: Vec<Option<Instant>>,
    /// The packet that was answered last comes next.
    next: usize,
}

impl Publishing {
    pub(crate) fn new(signed_in: SignedIn, packets: Vec<Vec<u8>>) -> Self {
        let said_at = vec![None; packets.len()];
        Self {
            signed_in,
            packets,
            said_at,
            next: 0,
        }
    }
}

impl Talker for Publishing {
    fn open(&mut self, output: &mut Vec<u8>) {
        self.signed_in.open(output);
    }

    fn hear(&mut self, input: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<usize> {
        let Self {
            signed_in,
            packets,
            said_at,
            next,
        } = self;
        each_packet(signed_in, input, turn, |heard, turn| {
            let Some(said) = said_at[*next].replace(turn.now) else {
                bail!("an answer to nothing: {heard:?}");
            };
            turn.meter.record(said, turn.now);
            turn.output.extend_from_slice(&packets[*next]);
            *next = (*next + 1) % packets.len();
            Ok(())
        })
    }

    fn is_ready(&self) -> bool {
        self.signed_in.is_done()
    }

    fn start(&mut self, turn: &mut Turn<'_>) {
        for packet in &self.packets {
            turn.output.extend_from_slice(packet);
        }
        self.said_at.fill(Some(turn.now));
    }
}
