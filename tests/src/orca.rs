//! Load reports: with a call's trailers, and out of band.

use std::{sync::Arc, time::Duration};

use descant_handlers::{
    Status,
    typed::{Context, Methods, generate, server_streaming},
};
use tokio::{sync::watch, time::sleep};

use crate::messages::{OrcaLoadReport, OrcaLoadReportRequest, TestOrcaReport};

/// Reports come no more often than this, whatever a caller asks for.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// What the server says of its load, to whoever listens out of band. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Load(Arc<watch::Sender<OrcaLoadReport>>);

impl Load {
    pub(crate) fn set(&self, report: OrcaLoadReport) {
        self.0.send_replace(report);
    }

    fn now(&self) -> OrcaLoadReport {
        self.0.borrow().clone()
    }
}

impl From<TestOrcaReport> for OrcaLoadReport {
    fn from(report: TestOrcaReport) -> Self {
        Self {
            cpu_utilization: report.cpu_utilization,
            mem_utilization: report.memory_utilization,
            request_cost: report.request_cost,
            utilization: report.utilization,
        }
    }
}

pub(crate) fn service(load: &Load) -> Methods {
    let load = load.clone();
    let stream = move |asked: OrcaLoadReportRequest, _: Context| {
        let load = load.clone();
        async move {
            let interval = interval(&asked);
            Ok(generate(move |sender| async move {
                loop {
                    sender.send(load.now()).await?;
                    sleep(interval).await;
                }
                #[allow(unreachable_code, reason = "says what the loop's future gives")]
                Ok::<(), Status>(())
            }))
        }
    };
    Methods::new().on("StreamCoreMetrics", server_streaming(stream))
}

fn interval(asked: &OrcaLoadReportRequest) -> Duration {
    let asked = asked.report_interval.unwrap_or_default();
    Duration::try_from(asked).unwrap_or_default().max(SHORTEST_INTERVAL)
}
