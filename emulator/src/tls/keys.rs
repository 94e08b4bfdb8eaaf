//! Keys of idle connections, folded up.
//!
//! To encrypt, a key is unfolded into round keys and tables: half a kilobyte for each direction, which the
//! provider keeps for good, and which takes 0.2 µs to make. Here a connection keeps the 32 bytes it came
//! as, and a thread keeps the unfolded keys that it used last. How a record is encrypted is the
//! provider's affair, as before; no key is used otherwise than it would be there.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::LocalKey;

use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter,
    OutboundOpaqueMessage, OutboundPlainMessage, Tls13AeadAlgorithm, UnsupportedOperationError,
};
use rustls::crypto::ring::{self, cipher_suite};
use rustls::crypto::{CipherSuiteCommon, CryptoProvider};
use rustls::{ConnectionTrafficSecrets, Error, SupportedCipherSuite, Tls13CipherSuite};

/// The usual provider, with keys folded up in the suites of TLS 1.3 whose keys are of 32 bytes: those that
/// nearly all clients prefer.
pub(super) fn provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    for suite in &mut provider.cipher_suites {
        for folding in [&*AES_256_GCM, &*CHACHA20_POLY1305] {
            if suite.suite() == folding.common.suite {
                *suite = SupportedCipherSuite::Tls13(folding);
            }
        }
    }
    provider
}

static AES_256_GCM: LazyLock<Tls13CipherSuite> = LazyLock::new(|| {
    static ALGORITHM: Folding = Folding(|| tls13(cipher_suite::TLS13_AES_256_GCM_SHA384));
    folding(&ALGORITHM)
});

static CHACHA20_POLY1305: LazyLock<Tls13CipherSuite> = LazyLock::new(|| {
    static ALGORITHM: Folding = Folding(|| tls13(cipher_suite::TLS13_CHACHA20_POLY1305_SHA256));
    folding(&ALGORITHM)
});

fn tls13(suite: SupportedCipherSuite) -> &'static Tls13CipherSuite {
    suite.tls13().expect("its name says so")
}

/// The suite, but for how keys are kept. Not for QUIC, which has ways of its own.
fn folding(algorithm: &'static Folding) -> Tls13CipherSuite {
    let suite = (algorithm.0)();
    Tls13CipherSuite {
        common: CipherSuiteCommon {
            suite: suite.common.suite,
            hash_provider: suite.common.hash_provider,
            confidentiality_limit: suite.common.confidentiality_limit,
        },
        hkdf_provider: suite.hkdf_provider,
        aead_alg: algorithm,
        quic: None,
    }
}

/// The algorithm of a suite of the provider's, with keys folded up.
struct Folding(Suite);

/// A suite as the provider has it.
type Suite = fn() -> &'static Tls13CipherSuite;

impl Folding {
    fn provided(&self) -> &'static dyn Tls13AeadAlgorithm {
        (self.0)().aead_alg
    }
}

impl Tls13AeadAlgorithm for Folding {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        match Folded::new(self.0, &key, &iv) {
            Some(folded) => Box::new(folded),
            None => self.provided().encrypter(key, iv),
        }
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        match Folded::new(self.0, &key, &iv) {
            Some(folded) => Box::new(folded),
            None => self.provided().decrypter(key, iv),
        }
    }

    fn key_len(&self) -> usize {
        self.provided().key_len()
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.provided().extract_keys(key, iv)
    }
}

/// A key and the way it is used, folded up.
struct Folded {
    suite: Suite,
    key: AeadKey,
    iv: Iv,
    /// Its name in the process.
    id: u64,
}

impl Folded {
    /// None for a key of another length: there is no way to hand a copy of it to the provider.
    fn new(suite: Suite, key: &AeadKey, iv: &Iv) -> Option<Self> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Some(Self {
            suite,
            key: copy(key)?,
            iv: Iv::copy(iv.as_ref()),
            id: LAST.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// What the provider is given: never none, since it was there to be folded.
    fn parts(&self) -> Result<(AeadKey, Iv), Error> {
        let key = copy(&self.key).ok_or(Error::EncryptError)?;
        Ok((key, Iv::copy(self.iv.as_ref())))
    }
}

fn copy(key: &AeadKey) -> Option<AeadKey> {
    Some(AeadKey::from(
        <[u8; KEY_BYTES]>::try_from(key.as_ref()).ok()?,
    ))
}

impl MessageEncrypter for Folded {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        sequence: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let unfold = || {
            let (key, iv) = self.parts()?;
            Ok((self.suite)().aead_alg.encrypter(key, iv))
        };
        with_unfolded(&ENCRYPTERS, self.id, unfold, |unfolded| {
            unfolded.encrypt(message, sequence)
        })
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        // With the type of what is in it and the tag, RFC 8446, section 5.2.
        payload_len + 1 + TAG_BYTES
    }
}

impl MessageDecrypter for Folded {
    fn decrypt<'a>(
        &mut self,
        message: InboundOpaqueMessage<'a>,
        sequence: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let unfold = || {
            let (key, iv) = self.parts()?;
            Ok((self.suite)().aead_alg.decrypter(key, iv))
        };
        with_unfolded(&DECRYPTERS, self.id, unfold, |unfolded| {
            unfolded.decrypt(message, sequence)
        })
    }
}

impl Drop for Folded {
    fn drop(&mut self) {
        forget(&ENCRYPTERS, self.id);
        forget(&DECRYPTERS, self.id);
    }
}

/// The keys that a thread has unfolded.
struct Unfolded<K: ?Sized> {
    keys: HashMap<u64, Box<K>, BuildHasherDefault<Spread>>,
    /// Their names, oldest first, and names of some that are gone.
    order: VecDeque<u64>,
}

thread_local! {
    static ENCRYPTERS: RefCell<Unfolded<dyn MessageEncrypter>> = RefCell::new(Unfolded::new());
    static DECRYPTERS: RefCell<Unfolded<dyn MessageDecrypter>> = RefCell::new(Unfolded::new());
}

/// Spreads names that are counted up: nobody chooses them, so that a hash that none can foresee is not
/// called for.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write_u64(&mut self, name: u64) {
        // 2 to the 64th by the golden ratio: Knuth, The Art of Computer Programming, section 6.4.
        self.0 = name.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 ^ u64::from(*byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl<K: ?Sized> Unfolded<K> {
    fn new() -> Self {
        Self {
            keys: HashMap::default(),
            order: VecDeque::new(),
        }
    }

    /// The oldest goes where there are as many as there may be.
    fn insert(&mut self, id: u64, key: Box<K>) -> &mut K {
        if self.order.len() >= UNFOLDED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
        self.order.push_back(id);
        self.keys.entry(id).or_insert(key)
    }
}

/// Does something with a key, which is unfolded first if it is not.
fn with_unfolded<K: ?Sized, R>(
    unfolded: &'static LocalKey<RefCell<Unfolded<K>>>,
    id: u64,
    unfold: impl FnOnce() -> Result<Box<K>, Error>,
    work: impl FnOnce(&mut K) -> Result<R, Error>,
) -> Result<R, Error> {
    unfolded.with_borrow_mut(|unfolded| {
        if let Some(key) = unfolded.keys.get_mut(&id) {
            return work(key);
        }
        work(unfolded.insert(id, unfold()?))
    })
}

/// The connection of a key is over. What another thread unfolded of it goes when there is need of room.
fn forget<K: ?Sized>(unfolded: &'static LocalKey<RefCell<Unfolded<K>>>, id: u64) {
    // Of a thread that ends there is nothing left to forget.
    let _ = unfolded.try_with(|unfolded| {
        if let Ok(mut unfolded) = unfolded.try_borrow_mut() {
            unfolded.keys.remove(&id);
        }
    });
}

const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
/// How many keys a thread has unfolded, in each direction: half a kilobyte each. The more, the more
/// connections are busy at a time before one has to unfold its key again.
const UNFOLDED_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use rustls::crypto::cipher::OutboundChunks;
    use rustls::{ContentType, ProtocolVersion};

    use super::*;

    fn parts(of: u16) -> (AeadKey, Iv) {
        let [high, low] = of.to_be_bytes();
        let mut key = [low; KEY_BYTES];
        key[0] = high;
        (AeadKey::from(key), Iv::from([low; 12]))
    }

    fn record(encrypter: &mut dyn MessageEncrypter, text: &[u8], sequence: u64) -> Vec<u8> {
        let message = OutboundPlainMessage {
            typ: ContentType::ApplicationData,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(text),
        };
        assert_eq!(
            encrypter.encrypted_payload_len(text.len()) + 5,
            encrypter.encrypt(message, sequence).unwrap().encode().len()
        );
        let message = OutboundPlainMessage {
            typ: ContentType::ApplicationData,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(text),
        };
        encrypter.encrypt(message, sequence).unwrap().encode()
    }

    #[test]
    fn more_keys_than_are_unfolded_at_a_time_give_the_providers_records_and_open_them() {
        for suite in [&*AES_256_GCM, &*CHACHA20_POLY1305] {
            let provided = ring::default_provider().cipher_suites;
            let provided = provided.into_iter().find_map(|one| {
                one.tls13()
                    .filter(|one| one.common.suite == suite.common.suite)
            });
            let provided = provided.unwrap().aead_alg;
            let count = u16::try_from(UNFOLDED_MAX + 40).unwrap();
            let mut connections: Vec<_> = (0..count)
                .map(|of| {
                    let ((key, iv), (same_key, same_iv)) = (parts(of), parts(of));
                    let encrypter = suite.aead_alg.encrypter(key, iv);
                    (encrypter, suite.aead_alg.decrypter(same_key, same_iv))
                })
                .collect();
            for sequence in 0..3 {
                for (of, (encrypter, decrypter)) in (0..count).zip(&mut connections) {
                    let text = format!("{of} says {sequence}");
                    let mut bytes = record(&mut **encrypter, text.as_bytes(), sequence);
                    let (key, iv) = parts(of);
                    let mut expected = provided.encrypter(key, iv);
                    assert_eq!(bytes, record(&mut *expected, text.as_bytes(), sequence));
                    let message = InboundOpaqueMessage::new(
                        ContentType::ApplicationData,
                        ProtocolVersion::TLSv1_2,
                        &mut bytes[5..],
                    );
                    let opened = decrypter.decrypt(message, sequence).unwrap();
                    assert_eq!(opened.payload, text.as_bytes());
                }
            }
        }
    }

    #[test]
    fn a_folded_key_is_small_and_nothing_is_left_unfolded_of_a_connection_that_is_over() {
        assert!(size_of::<Folded>() <= 72, "{}", size_of::<Folded>());
        let unfolded = || ENCRYPTERS.with_borrow(|unfolded| unfolded.keys.len());
        let (key, iv) = parts(1);
        let mut encrypter = AES_256_GCM.aead_alg.encrypter(key, iv);
        assert_eq!(unfolded(), 0);
        record(&mut *encrypter, b"x", 0);
        assert_eq!(unfolded(), 1);
        drop(encrypter);
        assert_eq!(unfolded(), 0);
        for of in 0..u16::try_from(2 * UNFOLDED_MAX).unwrap() {
            let (key, iv) = parts(of);
            let mut encrypter = AES_256_GCM.aead_alg.encrypter(key, iv);
            record(&mut *encrypter, b"x", 0);
            // As of one whose connection ends on another thread.
            std::mem::forget(encrypter);
            assert!(unfolded() <= UNFOLDED_MAX);
        }
        assert_eq!(unfolded(), UNFOLDED_MAX);
    }
}
