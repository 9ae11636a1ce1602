//! Which address a call goes to, and which connection.

use std::{
    cell::LazyCell,
    sync::{Arc, atomic::Ordering},
};

use super::{
    balance::{Endpoints, Order},
    endpoint::{Endpoint, Growth},
    line::Line,
    pool::{Pool, Want},
};
use crate::Status;

/// What there is for a call.
pub(super) enum Pick {
    Ready(Arc<Endpoint>, Arc<Line>),
    /// Nothing yet.
    Later,
    /// There is no connection; `is_crowded`: no further one, and those that there are may have a place in a moment.
    Refused {
        status: Status,
        is_crowded: bool,
    },
}

impl Pool {
    /// A place on a connection to one of the addresses that are fit, if there is one; else one is connected to.
    pub(super) fn pick(self: &Arc<Self>, want: Want<'_>) -> Pick {
        let (endpoints, options) = (self.endpoints(), &self.upstream.options);
        let order = endpoints.order(&options.balance, want.key, || self.turn.fetch_add(1, Ordering::Relaxed));
        let panics = LazyCell::new(|| endpoints.panics(options.panic_percent));
        let fit = |endpoint: &Arc<Endpoint>| endpoint.is_fit() || *panics;
        match self.pick_untried(&endpoints, &order, want, fit) {
            // Those that are fit cannot be reached: what may be unwell is better than a failure that is certain.
            refused @ Pick::Refused { .. } if !endpoints.all_fit() && !*panics => {
                match self.pick_untried(&endpoints, &order, want, |_| true) {
                    Pick::Refused { .. } => refused,
                    found => found,
                }
            }
            found => found,
        }
    }

    /// The same among those that are wanted. Those that were tried come last.
    fn pick_untried(
        self: &Arc<Self>,
        endpoints: &Endpoints,
        order: &Order<'_>,
        want: Want<'_>,
        wanted: impl Fn(&Arc<Endpoint>) -> bool,
    ) -> Pick {
        let Some(tried) = want.tried else {
            return self.pick_along(endpoints, order, want, wanted);
        };
        let is_new = |endpoint: &Arc<Endpoint>| wanted(endpoint) && !tried.has(endpoint);
        match self.pick_along(endpoints, order, want, is_new) {
            Pick::Refused { .. } => self.pick_along(endpoints, order, want, wanted),
            found => found,
        }
    }

    fn pick_along(
        self: &Arc<Self>,
        endpoints: &Endpoints,
        order: &Order<'_>,
        want: Want<'_>,
        wanted: impl Fn(&Arc<Endpoint>) -> bool,
    ) -> Pick {
        let (mut later, mut dials, mut refusal) = (false, 0, None);
        let (mut passed_over, mut is_crowded) = (false, false);
        for (passed, endpoint) in endpoints.along(order).enumerate() {
            if !wanted(endpoint) {
                passed_over = true;
                continue;
            }
            if want.behind {
                if endpoint.has_room(&self.upstream.options) {
                    return Pick::Later;
                }
            } else if let Some(line) = endpoint.take(&self.upstream.options) {
                // The next in turn is the one behind this.
                self.turn.fetch_add(passed, Ordering::Relaxed);
                return Pick::Ready(Arc::clone(endpoint), line);
            }
            if dials >= want.dials && matches!(order, Order::From(..)) {
                continue;
            }
            match self.grow(endpoint) {
                Growth::Full => later = true,
                Growth::Dial | Growth::Dialling => {
                    later = true;
                    dials += 1;
                    // A call that belongs to an address waits for it, but not for as long as that may take.
                    if matches!(order, Order::Ring(..)) && !endpoint.is_doubtful() && dials >= want.dials {
                        break;
                    }
                }
                Growth::Resting(status) => {
                    is_crowded |= endpoint.connections() > 0;
                    refusal.get_or_insert(status);
                }
            }
        }
        let tried = || Status::unavailable("all addresses were tried");
        match refusal.or_else(|| passed_over.then(tried)) {
            _ if later => Pick::Later,
            Some(status) => Pick::Refused { status, is_crowded },
            None => self.unknown(),
        }
    }

    /// There is no address. As long as one name may still be found that is waited for.
    fn unknown(&self) -> Pick {
        let lost = self.lost();
        match lost.first() {
            Some(Some(status)) if lost.iter().all(Option::is_some) => {
                self.names.iter().for_each(|(_, stale)| stale.notify_one());
                Pick::Refused {
                    status: status.clone(),
                    is_crowded: false,
                }
            }
            _ => Pick::Later,
        }
    }
}
