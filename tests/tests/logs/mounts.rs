//! What the subscriber and the registries of an application get of its mounts.

use descant::{
    LogCalls, Metrics,
    prometheus::{Registry, TextEncoder},
};
use tracing::Level;

use super::{Lines, OPEN, rest, vault};
use crate::support::Ask;

/// How often `Open` was called, as a registry has it.
fn counted(registry: &Registry) -> u64 {
    let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let series = "descant_grpc_requests_total{code=\"OK\",method=\"vault.v1.Vault/Open\",protocol=\"grpc\"} ";
    let value = text.lines().find_map(|line| line.strip_prefix(series));
    value.map_or(0, |value| value.parse().unwrap())
}

#[tokio::test]
async fn each_mount_counts_in_a_registry_of_its_own_unless_it_is_handed_one() {
    let (lines, _guard) = Lines::json(Level::INFO);
    let shared = Registry::new();
    let of_shared = || Metrics::in_registry(&shared).unwrap();
    let of_default = || Metrics::in_default_registry().unwrap();
    let mounts = [
        vault(|gateway| gateway).await,
        vault(|gateway| gateway).await,
        vault(|gateway| gateway.metrics(of_shared())).await,
        vault(|gateway| gateway.metrics(of_shared())).await,
        vault(|gateway| gateway.metrics(of_default())).await,
        vault(|gateway| gateway.metrics(of_default())).await,
    ];
    for (_, peer) in &mounts {
        assert_eq!(peer.send(Ask::empty(OPEN)).await.code(), Some(0));
    }
    // A call is counted before it is told of.
    lines.records("grpc.response", mounts.len()).await;
    let own = |at: usize| mounts[at].0.gateway().metrics().unwrap().registry().clone();
    let counts: Vec<_> = (0..mounts.len()).map(|at| counted(&own(at))).collect();
    assert_eq!(counts, [1, 1, 2, 2, 2, 2]);
    assert_eq!(
        (counted(&shared), counted(descant::prometheus::default_registry())),
        (2, 2)
    );
}

#[tokio::test]
async fn labels_hold_nothing_that_a_peer_says() {
    let (lines, _guard) = Lines::json(Level::INFO);
    let (mount, peer) = vault(|gateway| gateway).await;
    for path in ["/made.Up/Name", "/vault.v1.Vault/Guess"] {
        peer.send(
            Ask::empty(path)
                .header("x-tenant", "acme")
                .header("user-agent", "guess"),
        )
        .await;
    }
    peer.send(rest(http::Method::GET, "/v1/vaults/guess")).await;
    lines.records("grpc.response", 3).await;
    let text = mount.gateway().metrics().unwrap().to_text().unwrap();
    for said in ["made", "Guess", "guess", "acme"] {
        assert!(!text.contains(said), "{said}: {text}");
    }
}

#[tokio::test]
async fn health_and_reflection_are_told_of_only_where_all_calls_are() {
    let (lines, _guard) = Lines::json(Level::INFO);
    for (calls, wanted) in [(LogCalls::Off, 0), (LogCalls::Api, 0), (LogCalls::All, 1)] {
        let (_mount, peer) = vault(|gateway| gateway.log_calls(calls)).await;
        assert_eq!(
            peer.send(Ask::empty("/grpc.health.v1.Health/Check")).await.code(),
            Some(0)
        );
        lines.records("grpc.response", wanted).await;
    }
}

#[tokio::test]
async fn one_that_is_not_observed_tells_nothing() {
    let (lines, _guard) = Lines::json(Level::TRACE);
    let (mount, peer) = vault(|gateway| gateway.observe(false).log_payloads(64).log_calls(LogCalls::All)).await;
    let answer = peer.send(Ask::empty(OPEN)).await;
    assert_eq!((answer.code(), answer.headers["x-request-id"].len()), (Some(0), 32));
    assert!(mount.gateway().metrics().is_none());
    let targets = ["descant.grpc", "descant.payload"];
    assert!(
        targets.iter().all(|target| !lines.all().contains(target)),
        "{}",
        lines.all()
    );
}
