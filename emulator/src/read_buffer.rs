//! The room into which a thread reads for all its connections: what is read is acted on, or kept by its
//! connection, before the thread turns to another one. So a silent connection holds no buffer.

use std::cell::RefCell;

use tokio::io::ReadBuf;

/// Lends the thread's room for one read.
pub(crate) fn with_read_buffer<R>(read: impl FnOnce(&mut ReadBuf<'_>) -> R) -> R {
    thread_local! {
        static READ_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
    }
    // Never entered twice: a connection is polled by its own task only, never by another's.
    READ_BUFFER.with_borrow_mut(|buffer| read(&mut ReadBuf::new(buffer)))
}

const READ_BYTES: usize = 64 * 1024;
