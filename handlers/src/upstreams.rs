//! What a handler tells of the servers that it calls: counts for metrics, and of one call which server took it.

use std::{
    collections::BTreeMap,
    fmt,
    ops::AddAssign,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::Call;

/// The counts of one upstream of a handler, which gives them by [`Handler::upstreams`](crate::Handler::upstreams). They may outlive it: its
/// calls may.
pub trait UpstreamCounts: fmt::Debug + Send + Sync + 'static {
    /// The upstream as it is configured, without secrets: a label of metrics. Counts of the same name are added.
    fn name(&self) -> &str;

    /// What was counted so far. Of what counts up nothing ever goes down.
    fn read(&self) -> UpstreamStatistics;

    /// Whether nothing will change any more: the handler is gone, with its calls and connections.
    fn is_over(&self) -> bool;
}

/// The attempts at one call of a server behind. Whoever wants to know of them [gives the call one](Self::of) before its handler is called; a handler that
/// calls servers tells the one in [`Call::extensions`], if there is one. Clones are the same log.
///
/// ```
/// use descant_handlers::upstreams::AttemptLog;
///
/// let log = AttemptLog::default();
/// let teller = log.clone();
/// teller.begun(&"10.0.0.7:9000");
/// teller.begun(&"10.0.0.8:9000");
/// assert_eq!((log.count(), log.address().as_deref()), (2, Some("10.0.0.8:9000")));
/// ```
#[derive(Clone, Debug, Default)]
pub struct AttemptLog(Arc<Mutex<Attempted>>);

#[derive(Debug, Default)]
struct Attempted {
    count: u32,
    address: Option<String>,
}

impl AttemptLog {
    /// That of a call. It gets one if nobody has asked for it before.
    #[cold]
    pub fn of(call: &mut Call) -> Self {
        if let Some(log) = call.extensions.get() {
            return Self::clone(log);
        }
        let log = Self::default();
        call.extensions.insert(log.clone());
        log
    }

    /// The call is sent to this address.
    // Few calls have a log: what it takes is not to stand where the others pass.
    #[cold]
    pub fn begun(&self, address: &dyn fmt::Display) {
        let mut attempted = self.attempted();
        attempted.count += 1;
        attempted.address = Some(address.to_string());
    }

    /// Of several attempts that of this address is the one that answers.
    #[cold]
    pub fn answered(&self, address: &dyn fmt::Display) {
        self.attempted().address = Some(address.to_string());
    }

    /// How often the call was sent.
    pub fn count(&self) -> u32 {
        self.attempted().count
    }

    /// The address that answered, or, as long as none has, the last one that it was sent to.
    pub fn address(&self) -> Option<String> {
        self.attempted().address.clone()
    }

    fn attempted(&self) -> MutexGuard<'_, Attempted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

macro_rules! counters {
    ($($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $field:ident,)* })*) => {
        $(
            $(#[$about])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            #[non_exhaustive]
            pub struct $name {
                $($(#[$what])* pub $field: u64,)*
            }

            impl $name {
                /// All of them together.
                pub fn sum(&self) -> u64 {
                    0 $(+ self.$field)*
                }
            }

            impl AddAssign for $name {
                fn add_assign(&mut self, other: Self) {
                    $(self.$field += other.$field;)*
                }
            }
        )*
    };
}

counters! {
    /// Attempts at calls, by what they were made for.
    Attempts {
        /// The first of a call.
        first,
        /// After a failure, as a policy says.
        retries,
        /// Beside another one, as a policy says.
        hedges,
        /// Once more, whether there is a policy or not: the upstream has certainly not seen the one before, or closed a kept connection of
        /// HTTP/1.1 in place of an answer, which it mostly was about to.
        resent,
    }

    /// Attempts that have ended, by how.
    Outcomes {
        /// The reply came whole, and with the status OK.
        ok,
        /// The upstream answered with another status, or with what is no reply.
        error,
        /// There was no connection, or none before the call was given up.
        unreachable,
        /// The upstream has certainly not seen it: it says so, or nothing had left when the connection broke.
        unseen,
        /// It was reset, or the connection broke, and the upstream may have acted on it.
        lost,
        /// The deadline of the call came first.
        late,
        /// It was given up here: the caller went, another attempt was faster, its own request broke.
        cancelled,
    }

    /// Calls that a limit refused, for which there was no attempt.
    Refused {
        /// As many were in flight as may be.
        in_flight,
        /// As many waited for a connection as may.
        waiting,
    }

    /// Attempts that a policy would have had, and that were not made.
    Withheld {
        /// Too many fail: the tokens are used up.
        throttled,
        /// As many were made as there may be.
        exhausted,
        /// The upstream asked for none.
        pushback,
        /// The deadline of the call is too near.
        late,
    }

    /// Connections.
    Connections {
        /// That were made.
        opened,
        /// Of those, that are closed.
        closed,
    }

    /// Connections that could not be made, by why.
    Unconnected {
        /// Nobody took them.
        refused,
        /// It took too long.
        late,
        /// The server hung up without a word.
        hung_up,
        /// TLS: a certificate, or none where it is due.
        tls,
        /// Another version of HTTP.
        http,
        /// None of these.
        other,
    }
}

/// What is thought of an address. Where threads think differently of one, the latest of these counts: the worse, but that who has a connection
/// knows better than who could not make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AddressState {
    /// It gets calls.
    Ready,
    /// It could not be connected to, and is tried again after a while.
    Unreachable,
    /// It gets calls, and there is a connection to it.
    Connected,
    /// It says so itself, when it is asked for its health.
    Unwell,
    /// Its calls failed: it gets none for a while.
    Ejected,
}

/// What was counted of an upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpstreamStatistics {
    /// Attempts at calls.
    pub attempts: Attempts,
    /// What became of them.
    pub outcomes: Outcomes,
    /// Calls for which there was none.
    pub refused: Refused,
    /// Attempts that were not made.
    pub withheld: Withheld,
    /// Connections that were made.
    pub connections: Connections,
    /// Connections that could not be made.
    pub unconnected: Unconnected,
    /// How often an address was ejected.
    pub ejections: u64,
    /// How often an address did not say that it is well, when it was asked.
    pub health_failures: u64,
    /// How often a name was looked up in vain.
    pub lookup_failures: u64,
    /// Calls that wait for a connection now.
    pub waiting: u64,
    /// Each address that is known now: where threads think differently of it, the latest of [`AddressState`].
    pub addresses: BTreeMap<String, AddressState>,
}

impl UpstreamStatistics {
    /// Attempts that have not ended.
    pub fn in_flight(&self) -> u64 {
        self.attempts.sum().saturating_sub(self.outcomes.sum())
    }

    /// Connections that are open.
    pub fn open_connections(&self) -> u64 {
        self.connections.opened.saturating_sub(self.connections.closed)
    }

    /// How many addresses are in this state.
    pub fn addresses_in(&self, state: AddressState) -> usize {
        self.addresses.values().filter(|other| **other == state).count()
    }
}

impl AddAssign for UpstreamStatistics {
    fn add_assign(&mut self, other: Self) {
        self.attempts += other.attempts;
        self.outcomes += other.outcomes;
        self.refused += other.refused;
        self.withheld += other.withheld;
        self.connections += other.connections;
        self.unconnected += other.unconnected;
        self.ejections += other.ejections;
        self.health_failures += other.health_failures;
        self.lookup_failures += other.lookup_failures;
        self.waiting += other.waiting;
        for (address, state) in other.addresses {
            let known = self.addresses.entry(address).or_insert(state);
            *known = state.max(*known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_added_and_of_an_address_the_worst_is_kept() {
        let of = |state| UpstreamStatistics {
            attempts: Attempts {
                first: 2,
                hedges: 1,
                ..Attempts::default()
            },
            outcomes: Outcomes {
                ok: 1,
                ..Outcomes::default()
            },
            addresses: BTreeMap::from([("a".to_owned(), state)]),
            ..UpstreamStatistics::default()
        };
        let mut all = of(AddressState::Ready);
        for state in [AddressState::Ejected, AddressState::Unreachable] {
            all += of(state);
        }
        assert_eq!((all.attempts.sum(), all.in_flight()), (9, 6));
        assert_eq!(all.addresses_in(AddressState::Ejected), 1);
        assert_eq!(all.addresses_in(AddressState::Ready), 0);
        let mut reached = of(AddressState::Unreachable);
        reached += of(AddressState::Connected);
        reached += of(AddressState::Unreachable);
        assert_eq!(reached.addresses_in(AddressState::Connected), 1);
    }
}
