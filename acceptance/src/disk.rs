//! What a loss of power would leave: judged by what a program asked of the system, since a killed process leaves the
//! page cache behind and a dropped flush would go unseen.

mod calls;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{mem, thread};

use rustix::process::{Pid, Signal, kill_process};

use calls::Call;

/// How long the tracer may take to take hold of a program, or to let go of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is known of the files below a directory.
#[derive(Debug, Default)]
pub struct Disk {
    files: HashMap<String, Written>,
    /// Directories in which a name has changed.
    names: HashMap<String, Written>,
    /// What is there: to open it for writing makes no name.
    there: HashSet<String>,
}

/// When something was written and flushed, in lines of the log.
#[derive(Debug, Clone, Copy, Default)]
struct Written {
    changed: usize,
    flushed: usize,
}

impl Disk {
    /// Reads a log of `strace`, and returns what could have been lost at each moment of a kind: `is_due` says which
    /// lines of the log are such moments, and `matters` which files.
    pub fn losses(log: &Path, matters: impl Fn(&str) -> bool, is_due: impl Fn(&str) -> bool) -> Losses {
        settle(log);
        let text = fs::read(log).unwrap();
        let text = String::from_utf8_lossy(&text);
        let (mut disk, mut losses) = (Self::default(), Losses::default());
        for (number, line) in calls::joined(&text) {
            if is_due(&line) {
                losses.n_moments += 1;
                let lost = disk.unflushed().map(|path| format!("`{path}` at line {number}: {line}"));
                losses.lost.extend(lost);
            }
            disk.apply(number, Call::read(&line).as_ref(), &matters);
        }
        losses
    }

    fn apply(&mut self, number: usize, call: Option<&Call<'_>>, matters: impl Fn(&str) -> bool) {
        match call {
            Some(Call::Writes(path)) if matters(path) => self.file(path).changed = number,
            Some(Call::Names(path)) if matters(path) && self.there.insert((*path).to_owned()) => {
                self.directory_of(path).changed = number;
            }
            Some(Call::Renames { from, to }) if matters(to) => {
                let moved = self.files.remove(*from).unwrap_or_default();
                self.files.insert((*to).to_owned(), moved);
                self.there.remove(*from);
                self.there.insert((*to).to_owned());
                self.directory_of(to).changed = number;
            }
            Some(Call::Removes(path)) => {
                self.files.remove(*path);
                self.there.remove(*path);
            }
            Some(Call::Flushes { path, begun }) => {
                for known in [self.files.get_mut(*path), self.names.get_mut(*path)].into_iter().flatten() {
                    known.flushed = known.flushed.max(begun.unwrap_or(number));
                }
            }
            _ => {}
        }
    }

    fn file(&mut self, path: &str) -> &mut Written {
        self.files.entry(path.to_owned()).or_default()
    }

    fn directory_of(&mut self, path: &str) -> &mut Written {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        self.names.entry(parent.to_owned()).or_default()
    }

    fn unflushed(&self) -> impl Iterator<Item = &str> {
        let known = self.files.iter().chain(&self.names);
        known.filter(|(_, it)| it.changed > it.flushed).map(|(path, _)| path.as_str())
    }
}

/// What could have been lost.
#[derive(Debug, Default)]
pub struct Losses {
    /// At how many moments nothing should have been.
    pub n_moments: usize,
    /// What could have been lost at one of them.
    pub lost: Vec<String>,
}

/// A call of `strace`, which tells what a program asks of the system, or answers in the system's place.
#[derive(Debug, Clone)]
pub struct Strace {
    log: PathBuf,
    args: Vec<String>,
}

impl Strace {
    /// Writes everything that touches files or answers requests into a log.
    pub fn to(log: &Path) -> Self {
        let calls = "openat,write,pwrite64,pwritev,writev,sendto,copy_file_range,sendfile,ftruncate,fsync,fdatasync,\
                     rename,renameat,renameat2,link,linkat,symlink,symlinkat,mkdir,mkdirat,unlink,unlinkat";
        Self { log: log.to_owned(), args: vec!["-y".into(), format!("--trace={calls}")] }
    }

    /// Answers calls as `strace -e inject=` says, of all files or of one alone.
    pub fn injecting(what: &str, path: Option<&Path>) -> Self {
        let path = path.map(|it| ["-P".to_owned(), it.to_string_lossy().into_owned()]);
        let args = path.into_iter().flatten().chain(["-e".to_owned(), format!("inject={what}")]);
        Self { log: "/dev/null".into(), args: args.collect() }
    }

    /// Injects that, too.
    #[must_use]
    pub fn and_injecting(mut self, what: &str) -> Self {
        self.args.extend(["-e".to_owned(), format!("inject={what}")]);
        self
    }

    /// Returns what a program's command line is to begin with. The program stays our own child: the tracer is another.
    pub fn wrapper(&self) -> Vec<String> {
        let mut words = vec!["strace".to_owned(), "-D".to_owned()];
        words.extend(self.options());
        words
    }

    /// Takes hold of a program that runs, until the returned value goes.
    pub fn attach(&self, pid: u32) -> Attached {
        let mut command = Command::new("strace");
        command.args(self.options()).arg("-p").arg(pid.to_string());
        let tracer = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let attached = Attached { tracer, pid };
        attached.wait(|tracer| tracer != 0);
        attached
    }

    fn options(&self) -> Vec<String> {
        let log = self.log.to_string_lossy().into_owned();
        ["-f", "-qq", "-o", &log].map(str::to_owned).into_iter().chain(self.args.clone()).collect()
    }
}

/// A program in the hands of `strace`.
#[derive(Debug)]
pub struct Attached {
    tracer: Child,
    pid: u32,
}

impl Attached {
    /// Waits until that holds for every thread's tracer.
    fn wait(&self, holds: impl Fn(u32) -> bool) {
        let began = Instant::now();
        while !tracers(self.pid).into_iter().all(&holds) {
            assert!(began.elapsed() < PATIENCE, "strace does not take hold of a program, or does not let go");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.tracer), Signal::INT);
        let _ = self.tracer.wait();
        self.wait(|tracer| tracer == 0);
    }
}

/// Returns the tracer of each thread of a process; 0 for none.
fn tracers(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let statuses = threads.filter_map(|it| fs::read_to_string(it.path().join("status")).ok());
    let tracer =
        |status: String| status.lines().find_map(|it| it.strip_prefix("TracerPid:")?.trim().parse().ok());
    statuses.filter_map(tracer).collect()
}

/// Waits until the log of a program that has ended is whole: the tracer outlives it for a moment.
fn settle(log: &Path) {
    let mut before = u64::MAX;
    while mem::replace(&mut before, fs::metadata(log).map_or(0, |it| it.len())) != before {
        thread::sleep(Duration::from_millis(50));
    }
}
