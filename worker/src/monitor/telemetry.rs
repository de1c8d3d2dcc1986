//! The worker's metrics: on the health port for Prometheus and, on AWS, once a minute for CloudWatch.

use std::{io::Write, pin::pin, sync::Arc, time::Duration};

use boot::metrics::{self, Emf, HISTOGRAMS};
use domain::time::Clock;
use jiff::Timestamp;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::layers::{Fanout, FanoutBuilder};
use tokio::time::{Instant, interval_at};

use super::SessionCounts;

const MINUTE: Duration = Duration::from_mins(1);

/// Collects the metrics; cheap to clone.
#[derive(Clone)]
pub struct Telemetry {
    prometheus: PrometheusHandle,
    /// Set where CloudWatch reads standard output.
    emf: Option<Emf>,
    counts: Arc<SessionCounts>,
}

impl Telemetry {
    /// With the recorder that fills it.
    pub fn new(counts: Arc<SessionCounts>, emf: Option<Emf>) -> (Self, Fanout) {
        let prometheus = HISTOGRAMS.iter().fold(PrometheusBuilder::new(), |builder, histogram| {
            let name = Matcher::Full(histogram.name.to_owned());
            builder.set_buckets_for_metric(name, histogram.buckets).expect("a histogram has buckets")
        });
        let prometheus = prometheus.build_recorder();
        metrics::describe(&prometheus);
        let telemetry = Self { prometheus: prometheus.handle(), emf: emf.clone(), counts };
        let recorder = FanoutBuilder::default().add_recorder(prometheus);
        let recorder = emf.into_iter().fold(recorder, FanoutBuilder::add_recorder);
        (telemetry, recorder.build())
    }

    /// Makes its recorder the recorder of the process.
    pub fn install(counts: Arc<SessionCounts>, emf: Option<Emf>) -> Self {
        let (telemetry, recorder) = Self::new(counts, emf);
        // Only a second call in one process fails.
        drop(::metrics::set_global_recorder(recorder));
        telemetry
    }

    /// The current metrics in Prometheus' text format.
    pub fn text(&self) -> String {
        self.counts.update_gauges();
        self.prometheus.render()
    }

    /// Runs `work`; writes the metrics to `out` once a minute while the worker is `ready`, and at the end. A worker that is
    /// not ready raises the same alarm as one that is missing.
    pub async fn during<T>(
        &self,
        clock: &dyn Clock,
        out: &mut impl Write,
        ready: impl Fn() -> bool,
        work: impl Future<Output = T>,
    ) -> T {
        let mut minutes = interval_at(Instant::now() + MINUTE, MINUTE);
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => {
                    self.write(clock.now(), out);
                    return done;
                }
                _ = minutes.tick() => {
                    // Sorts values into their buckets: until then each value takes memory, and no scrape may ever come.
                    self.prometheus.run_upkeep();
                    if ready() {
                        self.write(clock.now(), out);
                    }
                }
            }
        }
    }

    fn write(&self, now: Timestamp, out: &mut impl Write) {
        self.counts.update_gauges();
        if let Some(emf) = &self.emf {
            emf.write(now, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use boot::metrics::MESSAGES_IN;
    use testing::{FixedClock, START};
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn metrics_are_written_each_minute_and_at_the_end() {
        let (telemetry, recorder) = Telemetry::new(Arc::default(), Some(Emf::new(Some("relay-1".to_owned()))));
        let _recorder = ::metrics::set_default_local_recorder(&recorder);
        let mut out = Vec::new();
        let work = async {
            for count in 1..=3 {
                MESSAGES_IN.add(count);
                sleep(Duration::from_secs(59)).await;
            }
        };
        let clock = FixedClock::at(START.parse().unwrap());
        telemetry.during(&clock, &mut out, || true, work).await;
        let out = String::from_utf8(out).unwrap();
        let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        // At 60 s the first two counts have come together, at 120 s the third, and at 177 s nothing is new.
        let counts: Vec<_> = lines.iter().map(|line| line["messages_in"].as_u64()).collect();
        assert_eq!(counts, [Some(3), Some(3), None]);
        assert!(lines.iter().all(|line| line["Stack"] == "relay-1" && line["sessions_online"] == 0.0));
        let mut unready = Vec::new();
        telemetry.during(&clock, &mut unready, || false, sleep(MINUTE * 3)).await;
        assert_eq!(String::from_utf8(unready).unwrap().lines().count(), 1, "at the end only");
        assert!(telemetry.text().contains("\nmessages_in 6\n"), "Prometheus still sees what was written");
    }
}
