//! A network between a device and its hub, without I/O: delay, cuts, and trouble on demand.
//!
//! Pure and seeded. It sits at the device's end: bytes come in with the time at which they do, and go
//! out when they have crossed. The order of bytes is kept. Law for the driver: after each call, take
//! [`Network::poll_arrived`] both ways, then wait for [`Network::poll_deadline`] and call
//! [`Network::handle_deadline`]. It knows neither sockets nor MQTT.

use std::collections::VecDeque;
use std::time::Duration;

use hub_proto::time::Instant;

use crate::random::Random;

/// What a network is like on an ordinary day.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NetworkProfile {
    /// One way, shortest.
    pub delay_least: Duration,
    /// One way, longest.
    pub delay_most: Duration,
    /// How often a connection is cut, per minute on average.
    pub cuts_per_minute: f64,
}

/// Trouble between one device and its hub, for a while. Bytes that are lost stay lost, so that a
/// connection that lost some ends with the trouble at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The connection is cut now. How long the trouble lasts is of no matter.
    Drop,
    /// The connection is cut, and new ones are refused.
    Refuse,
    /// The connection there is falls silent both ways, and nobody is told; new ones work.
    HalfOpen,
    /// Everything takes so much longer, one way.
    Slow(Duration),
    /// Silence both ways, and new connections hang.
    Partition,
    /// What the hub sends is lost, what the device sends arrives.
    LostAck,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the device to the hub.
    Up,
    /// From the hub to the device.
    Down,
}

/// What becomes of an attempt to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialling {
    /// It reaches the hub after so long.
    Reaches(Duration),
    /// It is refused at once.
    Refused,
    /// Nothing answers for so long, and then it is given up.
    Hangs(Duration),
}

/// The network of one device, over all its connections.
#[derive(Debug)]
pub struct Network {
    profile: NetworkProfile,
    random: Random,
    up: Pipe,
    down: Pipe,
    /// When the connection is cut by bad luck.
    cut_at: Option<Instant>,
    silence: Option<Silence>,
    refused_until: Instant,
    partitioned_until: Instant,
    deaf_until: Instant,
    slow: Option<(Duration, Instant)>,
}

/// Bytes of the connection there is are lost.
#[derive(Clone, Copy, Debug)]
struct Silence {
    up: bool,
    until: Instant,
}

#[derive(Debug, Default)]
struct Pipe {
    crossing: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
}

impl NetworkProfile {
    /// Nothing between device and hub.
    pub const GOOD: Self = Self {
        delay_least: Duration::ZERO,
        delay_most: Duration::ZERO,
        cuts_per_minute: 0.0,
    };
    /// Mobile, third generation.
    pub const THREE_G: Self = Self {
        delay_least: Duration::from_millis(50),
        delay_most: Duration::from_millis(200),
        cuts_per_minute: 0.05,
    };
    /// A geostationary satellite.
    pub const SATELLITE: Self = Self {
        delay_least: Duration::from_millis(280),
        delay_most: Duration::from_millis(350),
        cuts_per_minute: 0.02,
    };

    /// The profile called `good`, `3g` or `satellite`.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "good" => Some(Self::GOOD),
            "3g" => Some(Self::THREE_G),
            "satellite" => Some(Self::SATELLITE),
            _ => None,
        }
    }

    /// Whether it changes nothing.
    pub fn is_good(&self) -> bool {
        self.delay_most.is_zero() && self.cuts_per_minute <= 0.0
    }
}

impl Network {
    /// A network without trouble.
    pub fn new(profile: NetworkProfile, seed: u64) -> Self {
        Self {
            profile,
            random: Random::seeded(seed),
            up: Pipe::default(),
            down: Pipe::default(),
            cut_at: None,
            silence: None,
            refused_until: Instant::ZERO,
            partitioned_until: Instant::ZERO,
            deaf_until: Instant::ZERO,
            slow: None,
        }
    }

    /// The device connects: a handshake takes a round trip.
    pub fn dial(&mut self, now: Instant) -> Dialling {
        if now < self.refused_until {
            return Dialling::Refused;
        }
        let healed_in = self.partitioned_until.saturating_since(now);
        if healed_in > HANG_MOST {
            return Dialling::Hangs(HANG_MOST);
        }
        // A partition shorter than that is outlived by the retries of TCP.
        Dialling::Reaches(healed_in + self.delay(now) + self.delay(now))
    }

    /// A connection is open.
    pub fn handle_opened(&mut self, now: Instant) {
        self.handle_closed();
        if self.profile.cuts_per_minute > 0.0 {
            let minutes = -self.unit_interval().ln() / self.profile.cuts_per_minute;
            // So far off that it cannot be named: never.
            self.cut_at = Duration::try_from_secs_f64(minutes * 60.0)
                .ok()
                .map(|after| now + after);
        }
        if now < self.deaf_until {
            self.fall_silent(false, self.deaf_until);
        }
        if now < self.partitioned_until {
            self.fall_silent(true, self.partitioned_until);
        }
    }

    /// The connection is gone, and whatever was crossing with it.
    pub fn handle_closed(&mut self) {
        self.up = Pipe::default();
        self.down = Pipe::default();
        self.cut_at = None;
        self.silence = None;
    }

    /// Trouble begins. Whether the connection is cut by it.
    pub fn trouble(&mut self, now: Instant, trouble: Trouble, lasts: Duration) -> bool {
        let until = now + lasts;
        match trouble {
            Trouble::Drop => return true,
            Trouble::Refuse => {
                self.refused_until = self.refused_until.max(until);
                return true;
            }
            Trouble::HalfOpen => self.fall_silent(true, until),
            Trouble::Slow(delay) => self.slow = Some((delay, until)),
            Trouble::Partition => {
                self.partitioned_until = self.partitioned_until.max(until);
                self.fall_silent(true, until);
            }
            Trouble::LostAck => {
                self.deaf_until = self.deaf_until.max(until);
                self.fall_silent(false, until);
            }
        }
        false
    }

    /// Bytes set off.
    pub fn send(&mut self, now: Instant, way: Way, bytes: Vec<u8>) {
        let is_lost = self
            .silence
            .is_some_and(|silence| silence.up || way == Way::Down);
        if is_lost {
            return;
        }
        let due = now + self.delay(now);
        let pipe = self.pipe(way);
        pipe.bytes += bytes.len();
        // Order is kept: nobody overtakes.
        let due = pipe
            .crossing
            .back()
            .map_or(due, |(before, _)| due.max(*before));
        pipe.crossing.push_back((due, bytes));
    }

    /// The next bytes that have crossed.
    pub fn poll_arrived(&mut self, now: Instant, way: Way) -> Option<Vec<u8>> {
        let pipe = self.pipe(way);
        let (_, bytes) = pipe.crossing.pop_front_if(|(due, _)| *due <= now)?;
        pipe.bytes -= bytes.len();
        Some(bytes)
    }

    /// How many bytes are crossing; whoever sends waits when it is a lot.
    pub fn crossing_bytes(&self, way: Way) -> usize {
        match way {
            Way::Up => self.up.bytes,
            Way::Down => self.down.bytes,
        }
    }

    /// Until when a goodbye of the device's is not heard, if that is so.
    pub fn silent_until(&self) -> Option<Instant> {
        let silence = self.silence?;
        silence.up.then_some(silence.until)
    }

    /// Whether nothing that the hub does is heard, not even that it hangs up.
    pub fn is_deaf(&self) -> bool {
        self.silence.is_some()
    }

    /// When there is something to do.
    pub fn poll_deadline(&self) -> Option<Instant> {
        let heads = [&self.up, &self.down]
            .into_iter()
            .filter_map(|pipe| Some(pipe.crossing.front()?.0));
        heads
            .chain(self.cut_at)
            .chain(self.silence.map(|silence| silence.until))
            .min()
    }

    /// Whether the connection is cut now.
    pub fn handle_deadline(&mut self, now: Instant) -> bool {
        let ends = self.silence.map(|silence| silence.until);
        ends.into_iter().chain(self.cut_at).any(|at| at <= now)
    }

    fn fall_silent(&mut self, up: bool, until: Instant) {
        let before = self.silence.unwrap_or(Silence {
            up: false,
            until: Instant::ZERO,
        });
        self.silence = Some(Silence {
            up: up || before.up,
            until: until.max(before.until),
        });
        self.down = Pipe::default();
        if up {
            self.up = Pipe::default();
        }
    }

    fn pipe(&mut self, way: Way) -> &mut Pipe {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }

    fn delay(&mut self, now: Instant) -> Duration {
        let slow = match self.slow {
            Some((delay, until)) if now < until => delay,
            _ => Duration::ZERO,
        };
        if self.profile.delay_most.is_zero() {
            return slow;
        }
        slow + self
            .random
            .duration_between(self.profile.delay_least, self.profile.delay_most)
    }

    /// Above 0, up to 1.
    fn unit_interval(&mut self) -> f64 {
        let high = u32::try_from(self.random.next_u64() >> 32).expect("32 bits are left");
        (f64::from(high) + 1.0) / (f64::from(u32::MAX) + 1.0)
    }
}

/// As long as a device waits for a connection.
const HANG_MOST: Duration = Duration::from_secs(30);

#[cfg(test)]
#[path = "netem_tests.rs"]
mod tests;
