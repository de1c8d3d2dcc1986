//! Child processes, with their CPU time and memory as Linux reports them.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};

/// Unit of Linux's CPU times on our architectures.
const TICK: Duration = Duration::from_millis(10);

/// A process that ends with this value, or with this process, because its standard input closes then.
pub struct Child {
    child: std::process::Child,
    /// Where it listens, from its first line.
    pub address: String,
}

impl Child {
    /// Starts `program` and waits for its first line, whose last word is the address where it listens.
    pub fn start(program: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        let name = program.display();
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output is piped")?).read_line(&mut line)?;
        let Some(address) = line.split_whitespace().last().map(str::to_owned) else {
            bail!("{name} {} ended before it printed where it listens", arguments.join(" "));
        };
        Ok(Self { child, address })
    }

    /// Starts this program in another role.
    pub fn start_self(arguments: &[&str]) -> anyhow::Result<Self> {
        Self::start(&std::env::current_exe()?, arguments)
    }

    /// Starts the program `name` in this program's folder.
    pub fn start_sibling(name: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let sibling = sibling(&std::env::current_exe()?, name);
        if !sibling.exists() {
            bail!("{} is missing; build it first: cargo build --release -p {name}", sibling.display());
        }
        Self::start(&sibling, arguments)
    }

    fn id(&self) -> u32 {
        self.child.id()
    }

    /// CPU time so far.
    pub fn cpu(&self) -> anyhow::Result<Cpu> {
        let folder = PathBuf::from(format!("/proc/{}", self.id()));
        let all = times(&folder)?;
        let mut embedded = Duration::ZERO;
        for thread in fs::read_dir(folder.join("task"))? {
            let thread = thread?.path();
            if fs::read_to_string(thread.join("comm"))?.starts_with("embedded-") {
                embedded += times(&thread)?;
            }
        }
        Ok(Cpu { all, embedded })
    }

    /// Resident memory in KB.
    pub fn memory(&self) -> anyhow::Result<u32> {
        resident(self.id())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// CPU time of a process, by user and system together.
#[derive(Debug, Clone, Copy)]
pub struct Cpu {
    pub all: Duration,
    /// The part of the embedded AWS services' threads.
    pub embedded: Duration,
}

impl Cpu {
    /// The time used since `before`.
    pub fn since(self, before: Self) -> Self {
        let (all, embedded) = (self.all.saturating_sub(before.all), self.embedded.saturating_sub(before.embedded));
        Self { all, embedded }
    }
}

/// Resident memory of a process in KB.
pub fn resident(id: u32) -> anyhow::Result<u32> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    kilobytes.and_then(|number| number.parse().ok()).context("no VmRSS in the process's status")
}

/// The path of the program `name` in the folder of `program`.
pub fn sibling(program: &Path, name: &str) -> PathBuf {
    program.with_file_name(name)
}

/// User and system time from a `stat` file.
fn times(folder: &Path) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(folder.join("stat"))?;
    ticks(&stat).map(|ticks| TICK * ticks).with_context(|| format!("{} has an unknown format", folder.display()))
}

/// The sum of `utime` and `stime`, the 14th and 15th field. The second field, a name in parentheses, may contain anything.
fn ticks(stat: &str) -> Option<u32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_after_any_name() {
        let stat = "42 (odd) name) S 1 42 42 0 -1 4194560 1 2 3 4 250 30 7 8 20 0 4 0 1 2";
        assert_eq!(ticks(stat), Some(280));
    }
}
