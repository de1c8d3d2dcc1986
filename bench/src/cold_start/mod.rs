//! From the start of a function's process to its first response, beside a bare handler in the same run.

mod cases;
mod runtime_api;

use std::{fmt, fs, path::PathBuf, process::Stdio, time::Instant};

use anyhow::{Context, bail, ensure};

use self::{cases::Case, runtime_api::RuntimeApi};
use crate::{
    child::{Child, resident, sibling},
    processes::{Processes, accounts},
    table::{Spread, short},
};

const FIRST: u64 = 1_700_000_000;
const FRIENDS: u32 = 200;
/// Invocations of a process after the first. The report has their median.
const WARM: u32 = 50;
/// Limit of the ratio of a function's first response to the bare handler's.
const BUDGET: f64 = 1.25;
/// Where Linux distributions keep the trusted certificates. Reading them is a part of a cold start.
const TRUST_STORES: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// The measurements of one binary.
#[derive(Default)]
struct Measured {
    /// Milliseconds from the start of the process to the first response.
    first: Vec<f64>,
    warm: Vec<f64>,
    memory: Vec<f64>,
}

/// A function, and the bare handler that was measured in turn with it.
struct Row {
    name: &'static str,
    bytes: u64,
    ours: Measured,
    bare: Measured,
}

/// The measured functions of a run.
pub(crate) struct Report {
    rows: Vec<Row>,
    bare_bytes: u64,
    repetitions: u32,
}

pub(crate) async fn measure(repetitions: u32) -> anyhow::Result<Report> {
    let processes = Processes::start().await?;
    let online = processes.log_in(&accounts(FIRST, 1, FRIENDS)).await?.remove(0);
    let (app, secret) = processes.app().await?;
    let offline = (app.id, secret);
    processes.simulated.push(&[(FIRST, 1)]).await?;
    processes.simulated.request_friendship(FIRST).await?;
    processes.receiver.wait_for(2).await?;
    let mut functions = Functions::new(&processes, &online.0).await?;
    let mut rows = Vec::new();
    for case in cases::all(&processes, &online, &offline).await? {
        let (mut ours, mut bare) = (Measured::default(), Measured::default());
        let bare_case = cases::bare();
        for n in 0..=repetitions {
            // The first run brings the binary into the page cache.
            functions.run(&case, &mut ours, n > 0).await?;
            functions.run(&bare_case, &mut bare, n > 0).await?;
        }
        rows.push(Row { name: case.binary, bytes: Functions::size(case.binary)?, ours, bare });
    }
    Ok(Report { rows, bare_bytes: Functions::size("bare")?, repetitions })
}

/// Starts functions, with their environment.
struct Functions {
    runtime_api: RuntimeApi,
    environment: Vec<(&'static str, String)>,
    /// Table, partition and sort key of the row that the bare handler reads.
    row: [String; 3],
    /// The TLS proxies of DynamoDB and SQS.
    _tls: [Child; 2],
}

impl Functions {
    async fn new(processes: &Processes, app: &str) -> anyhow::Result<Self> {
        let services = processes.home.endpoints.as_ref().context("the relay runs on embedded services")?;
        let front = |url: &str, name: &str| {
            let certificate = processes.folder.path().join(name).display().to_string();
            anyhow::Ok((Child::start_self(&["tls-front", url, &certificate])?, fs::read_to_string(certificate)?))
        };
        let (dynamodb, first) = front(&services.dynamodb, "dynamodb.pem")?;
        let (sqs, second) = front(&services.sqs, "sqs.pem")?;
        let trusted = TRUST_STORES.iter().find_map(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        let (bundle, few) = (processes.folder.path().join("bundle.pem"), processes.folder.path().join("few.pem"));
        fs::write(&few, [&*first, &*second].concat())?;
        fs::write(&bundle, [trusted, first, second].concat())?;
        let runtime_api = RuntimeApi::start().await?;
        let mut environment = local::provision::environment(&processes.home);
        environment.retain(|(name, _)| !name.starts_with("AWS_ENDPOINT_URL"));
        environment.extend([
            ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.address.clone()),
            ("AWS_ENDPOINT_URL_SQS", sqs.address.clone()),
            // The SDK's default trust store, for the bare handler; and the few certificates for our functions, which trust
            // Amazon's only on Lambda.
            ("SSL_CERT_FILE", bundle.display().to_string()),
            ("AWS_CA_BUNDLE", few.display().to_string()),
            ("AWS_LAMBDA_RUNTIME_API", runtime_api.address.clone()),
            ("AWS_LAMBDA_FUNCTION_NAME", "bench".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ]);
        let row = [processes.home.settings.table.clone(), format!("APP#{app}"), "APP".to_owned()];
        Ok(Self { runtime_api, environment, row, _tls: [dynamodb, sqs] })
    }

    fn path_of(name: &str) -> anyhow::Result<PathBuf> {
        let path = sibling(&std::env::current_exe()?, name);
        if !path.exists() {
            bail!("{} is missing; build it first: cargo build --release -p functions -p bench", path.display());
        }
        Ok(path)
    }

    fn size(name: &str) -> anyhow::Result<u64> {
        Ok(fs::metadata(Self::path_of(name)?)?.len())
    }

    /// Starts the binary, and measures its first response and those of the warm process.
    async fn run(&mut self, case: &Case, measured: &mut Measured, counts: bool) -> anyhow::Result<()> {
        let mut command = tokio::process::Command::new(Self::path_of(case.binary)?);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (*name, value.as_str())));
        command.args(&self.row).kill_on_drop(true).stdout(Stdio::null()).stderr(Stdio::null());
        self.runtime_api.event(&case.event).await?;
        let begun = Instant::now();
        let mut process = command.spawn()?;
        let first = self.next(case).await?.duration_since(begun).as_secs_f64() * 1e3;
        let mut warm = Vec::new();
        for _ in 0..WARM {
            let begun = Instant::now();
            self.runtime_api.event(&case.event).await?;
            warm.push(self.next(case).await?.duration_since(begun).as_secs_f64() * 1e3);
        }
        if counts {
            let id = process.id().with_context(|| format!("{} has ended", case.binary))?;
            measured.first.push(first);
            measured.warm.push(Spread::of(warm).median());
            measured.memory.push(f64::from(resident(id)?) / 1024.0);
        }
        Ok(process.kill().await?)
    }

    async fn next(&mut self, case: &Case) -> anyhow::Result<Instant> {
        let answer = self.runtime_api.answer().await.with_context(|| case.binary)?;
        ensure!(case.is_answered_by(&answer.body), "{}: {}", case.binary, answer.body);
        Ok(answer.at)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let of = |figures: &[f64]| Spread::of(figures.to_vec());
        let megabytes = |bytes: u64| short(f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0);
        let line = |out: &mut fmt::Formatter, name: &str, bytes: u64, measured: &Measured, against: &str| {
            let (first, warm, memory) = (of(&measured.first), of(&measured.warm), of(&measured.memory));
            let (least, most) = first.ends();
            let first = format!("{} ({}–{})", short(first.median()), short(least), short(most));
            let (warm, memory) = (short(warm.median()), short(memory.median()));
            writeln!(out, "| {name} | {first} | {against} | {warm} | {memory} | {} |", megabytes(bytes))
        };
        writeln!(out, "| function | spawn → first answer, ms (min–max) | × bare | warm, ms | RSS, MB | binary, MB |")?;
        writeln!(out, "|---|---|---|---|---|---|")?;
        for row in &self.rows {
            let ratio = of(&row.ours.first).median() / of(&row.bare.first).median();
            let verdict = if ratio <= BUDGET { "kept" } else { "MISSED" };
            line(out, row.name, row.bytes, &row.ours, &format!("{} {verdict}", short(ratio)))?;
        }
        let all = |part: fn(&Measured) -> &Vec<f64>| self.rows.iter().flat_map(|row| part(&row.bare).clone()).collect();
        let bare = Measured { first: all(|m| &m.first), warm: all(|m| &m.warm), memory: all(|m| &m.memory) };
        line(out, "(bare)", self.bare_bytes, &bare, "1")?;
        write!(
            out,
            "\n- {} starts of each, in turn with a bare `lambda_http` handler with one DynamoDB read; budget ≤ {BUDGET} × \
             bare. Medians. The binaries are in the page cache. DynamoDB and SQS are the embedded ones behind TLS ends: \
             the bare handler finds them among all that a machine trusts, ours among a few, as on Lambda. The runtime \
             API is a stand-in in this process.\n- Warm: the median of {WARM} further invocations of each process, event to answer.",
            self.repetitions
        )
    }
}
