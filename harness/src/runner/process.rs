//! A process of the user's with all that it starts: its output, its end, its killing. What is expected
//! of it is its step's.

use std::fmt::Write as _;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// A command that runs or has run. Dropping it kills its whole group.
#[derive(Debug)]
pub(super) struct Process {
    group: Group,
    output: Arc<Output>,
    ended: watch::Receiver<Option<i32>>,
    wrote: watch::Receiver<()>,
}

impl Process {
    /// Starts `command` in a shell, in a group of its own, without anything to read.
    pub(super) fn start(command: &str, env: &[(String, String)]) -> io::Result<Self> {
        let mut shell = shell(command);
        shell
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        shell.process_group(0);
        let child = shell.spawn()?;
        let group = Group(child.id());
        let output = Arc::new(Output::default());
        let (tell_end, ended) = watch::channel(None);
        let (tell_wrote, wrote) = watch::channel(());
        tokio::spawn(supervise(child, Arc::clone(&output), tell_wrote, tell_end));
        Ok(Self {
            group,
            output,
            ended,
            wrote,
        })
    }

    /// The exit code, if it has ended; 128 and the signal's number if a signal ended it.
    pub(super) fn exit_code(&self) -> Option<i32> {
        let is_over = self.ended.has_changed().is_err();
        self.ended.borrow().or(is_over.then_some(NO_CODE))
    }

    /// Comes back when it has ended and all its output is read.
    pub(super) async fn ended(&mut self) -> i32 {
        let ended = self.ended.wait_for(Option::is_some).await;
        ended.map_or(None, |code| *code).unwrap_or(NO_CODE)
    }

    /// Comes back when it has written or ended since the last call.
    pub(super) async fn stirred(&mut self) {
        tokio::select! {
            // It ended if nobody is left who could tell.
            _ = self.wrote.changed() => {}
            _ = self.ended.changed() => {}
        }
    }

    /// Asks the group to end, and kills it if it does not.
    pub(super) async fn end(&mut self) {
        if self.exit_code().is_some() {
            return;
        }
        self.group.terminate();
        if tokio::time::timeout(GRACE, self.ended()).await.is_err() {
            self.group.kill();
            let _ = tokio::time::timeout(GRACE, self.ended()).await;
        }
    }

    /// The last of its standard output.
    pub(super) fn stdout(&self) -> String {
        self.output.stdout().text()
    }

    /// The last lines of both outputs, for a person.
    pub(super) fn last_words(&self) -> String {
        let parts = [
            ("stdout", self.output.stdout().text()),
            ("stderr", self.output.stderr().text()),
        ];
        let mut words = String::new();
        for (name, text) in parts {
            let lines: Vec<&str> = text.trim_end().lines().collect();
            for line in &lines[lines.len().saturating_sub(LINES_SHOWN)..] {
                let shown: String = line.chars().take(COLUMNS_SHOWN).collect();
                // Writing to a text cannot fail.
                let _ = write!(words, "\n{name}: {shown}");
            }
        }
        words
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.exit_code().is_none() {
            self.group.kill();
        }
    }
}

#[cfg(unix)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    shell
}

#[cfg(not(unix))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd");
    shell.args(["/C", command]);
    shell
}

/// Reads what it writes until it has ended; what it leaves behind in its group ends with it.
async fn supervise(
    mut child: Child,
    output: Arc<Output>,
    wrote: watch::Sender<()>,
    ended: watch::Sender<Option<i32>>,
) {
    let group = Group(child.id());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let read = async {
        tokio::join!(
            read(stdout, || output.stdout(), &wrote),
            read(stderr, || output.stderr(), &wrote)
        );
    };
    let mut read = std::pin::pin!(read);
    let mut is_read = false;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            () = &mut read, if !is_read => is_read = true,
        }
    };
    // What still runs holds the pipes open.
    group.kill();
    if !is_read {
        let _ = tokio::time::timeout(GRACE, read).await;
    }
    ended.send_replace(Some(status.map_or(NO_CODE, code_of)));
}

async fn read<'a>(
    from: Option<impl AsyncRead + Unpin>,
    tail: impl Fn() -> MutexGuard<'a, Tail>,
    wrote: &watch::Sender<()>,
) {
    let Some(mut from) = from else { return };
    let mut bytes = vec![0; 8192];
    while let Ok(count) = from.read(&mut bytes).await {
        if count == 0 {
            return;
        }
        tail().push(&bytes[..count]);
        wrote.send_replace(());
    }
}

fn code_of(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return 128 + signal;
    }
    status.code().unwrap_or(NO_CODE)
}

/// A group of processes by the number of the one that leads it.
#[derive(Clone, Copy, Debug)]
struct Group(Option<u32>);

impl Group {
    #[cfg(unix)]
    fn signal(self, signal: rustix::process::Signal) {
        let pid = self.0.and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            // It may have ended this moment.
            let _ = rustix::process::kill_process_group(pid, signal);
        }
    }

    #[cfg(unix)]
    fn terminate(self) {
        self.signal(rustix::process::Signal::TERM);
    }

    #[cfg(unix)]
    fn kill(self) {
        self.signal(rustix::process::Signal::KILL);
    }

    /// Without groups, the end of the shell is what there is: the child is killed when it is dropped.
    #[cfg(not(unix))]
    fn terminate(self) {}

    #[cfg(not(unix))]
    fn kill(self) {}
}

#[derive(Debug, Default)]
struct Output {
    stdout: Mutex<Tail>,
    stderr: Mutex<Tail>,
}

impl Output {
    fn stdout(&self) -> MutexGuard<'_, Tail> {
        self.stdout.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stderr(&self) -> MutexGuard<'_, Tail> {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last bytes of an output.
#[derive(Debug, Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        // Moved seldom, not with every write.
        if self.0.len() > 2 * OUTPUT_BYTES {
            let over = self.0.len() - OUTPUT_BYTES;
            self.0.drain(..over);
        }
    }

    fn text(&self) -> String {
        let first = self.0.len().saturating_sub(OUTPUT_BYTES);
        String::from_utf8_lossy(&self.0[first..]).into_owned()
    }
}

/// Of each output, the last.
const OUTPUT_BYTES: usize = 256 * 1024;
const LINES_SHOWN: usize = 20;
const COLUMNS_SHOWN: usize = 300;
/// From being asked to end until being killed.
const GRACE: Duration = Duration::from_secs(2);
/// What a process is given that has no exit code.
const NO_CODE: i32 = -1;

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn its_output_and_exit_code_are_known_when_it_has_ended() {
        let env = [("WHO".to_owned(), "you".to_owned())];
        let mut process = Process::start("echo \"to $WHO\"; echo no >&2; exit 3", &env).unwrap();
        assert_eq!(process.ended().await, 3);
        assert_eq!(process.stdout(), "to you\n");
        assert_eq!(process.last_words(), "\nstdout: to you\nstderr: no");
    }

    #[tokio::test]
    async fn its_end_is_the_end_of_what_it_started() {
        let mut process = Process::start("sleep 600 & echo $!; wait", &[]).unwrap();
        process.stirred().await;
        let inner = process.stdout().trim().to_owned();
        process.end().await;
        assert_eq!(process.exit_code(), Some(143));
        let state = std::process::Command::new("ps")
            .args(["-o", "stat=", "-p", &inner])
            .output()
            .unwrap();
        // Who inherits it need not have noticed yet.
        let state = String::from_utf8(state.stdout).unwrap();
        assert!(state.is_empty() || state.starts_with('Z'), "{state}");
    }

    #[tokio::test]
    async fn what_it_leaves_behind_does_not_hold_up_its_end() {
        let mut process = Process::start("sleep 600 & exit 0", &[]).unwrap();
        assert_eq!(process.ended().await, 0);
    }

    #[test]
    fn only_the_last_of_much_output_is_kept() {
        let mut tail = Tail::default();
        for _ in 0..100 {
            tail.push(&[b'a'; 10_000]);
        }
        tail.push(b"end");
        assert!(tail.0.len() <= 2 * OUTPUT_BYTES);
        assert_eq!(tail.text().len(), OUTPUT_BYTES);
        assert!(tail.text().ends_with("aend"));
    }
}
