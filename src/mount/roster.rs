//! The mounts that a server serves, and which of them a request is for.

use std::{
    cmp::Reverse,
    future::Future,
    iter, mem,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use arc_swap::ArcSwap;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tokio::{runtime::Handle, sync::Notify};

use super::resources::Resources;
use crate::{
    Error, Gateway,
    error::ErrorKind,
    gateway::{Serving, is_own_path},
    transport::{Connection, Frame, Full, Inbound, Load, Memory, Outbound, OutboundStream, Seat, Serve, Visit},
};

/// The mounts that a server serves; at least one. Clones are the same roster.
#[derive(Clone)]
pub(super) struct Roster(Arc<Shared>);

struct Shared {
    members: ArcSwap<Members>,
    /// Of the server, each of whose runtimes serves every member. Locked while something changes: one comes after the other. No code of handlers may
    /// run meanwhile, since that may start and stop mounts.
    resources: Mutex<Resources>,
}

struct Members {
    /// The one that has been there longest. What no member knows is its to answer, and so are reflection and health.
    first: Arc<Member>,
    others: Vec<Arc<Member>>,
}

/// A mount on a roster.
pub(super) struct Member {
    pub(super) name: Arc<str>,
    gateway: Gateway,
    /// Its calls in flight.
    pub(super) calls: Arc<Load>,
    /// Its calls in flight are to end.
    pub(super) cut: Signal,
    /// It has left, or does so.
    pub(super) left: Signal,
    /// The runtimes that serve it, by their numbers among the server's. Its handlers end there once its calls have ended, or are cut off.
    servings: Mutex<Vec<(u64, Serving)>>,
}

/// Something that a server has, until this is dropped.
struct Noted {
    roster: Roster,
    number: u64,
}

/// Something that happens once.
#[derive(Default)]
pub(super) struct Signal {
    is_set: AtomicBool,
    setting: Notify,
}

impl Roster {
    pub(super) fn of(first: Arc<Member>) -> Self {
        let members = Members {
            first,
            others: Vec::new(),
        };
        Self(Arc::new(Shared {
            members: ArcSwap::from_pointee(members),
            resources: Mutex::default(),
        }))
    }

    pub(super) fn first(&self) -> Arc<Member> {
        self.0.members.load().first.clone()
    }

    pub(super) fn names(&self) -> Vec<Arc<str>> {
        self.0.members.load().all().map(|member| member.name.clone()).collect()
    }

    pub(super) fn has(&self, member: &Arc<Member>) -> bool {
        self.0.members.load().all().any(|other| Arc::ptr_eq(other, member))
    }

    /// Adds a mount, unless one that is there answers one of its methods. Its handlers begin.
    pub(super) fn add(&self, member: &Arc<Member>, address: &str) -> Result<(), Error> {
        let resources = self.resources();
        let members = self.0.members.load();
        for other in members.all() {
            if let Some(method) = member.gateway.both_answer(&member.gateway.schema(), &other.gateway) {
                return Err(ErrorKind::MountedTwice {
                    address: address.to_owned(),
                    method,
                    first: other.name.to_string(),
                    second: member.name.to_string(),
                }
                .into());
            }
        }
        let others = members.others.iter().chain(iter::once(member));
        self.change(Members {
            first: members.first.clone(),
            others: others.cloned().collect(),
        })?;
        for (number, runtime) in resources.runtimes() {
            member.is_to_be_served_on(number, runtime);
        }
        drop(resources);
        member.gateway.tell_handlers();
        Ok(())
    }

    /// Removes a mount, unless it is the last one, or not there. Says whether it did.
    pub(super) fn remove(&self, member: &Arc<Member>) -> bool {
        let mut resources = self.resources();
        let members = self.0.members.load();
        let mut left: Vec<_> = members
            .all()
            .filter(|other| !Arc::ptr_eq(other, member))
            .cloned()
            .collect();
        if left.is_empty() || left.len() == members.all().count() {
            return false;
        }
        let first = left.remove(0);
        if !Arc::ptr_eq(&first, &members.first) {
            resources.show(first.gateway.metrics());
        }
        if let Err(error) = self.change(Members { first, others: left }) {
            tracing::warn!(%error, mount = &*member.name, "reflection goes on to tell of a mount that has stopped");
        }
        if let Err(error) = member.gateway.stand_beside(iter::empty()) {
            tracing::warn!(%error, mount = &*member.name, "reflection of a mount that has stopped is out of date");
        }
        true
    }

    fn change(&self, members: Members) -> Result<(), Error> {
        let members = Arc::new(members);
        // Before they are told of each other: whoever learns of a method can call it.
        self.0.members.store(members.clone());
        for member in members.all() {
            let others = members.all().filter(|other| !Arc::ptr_eq(other, member));
            member.gateway.stand_beside(others.map(|other| &other.gateway))?;
        }
        Ok(())
    }

    fn resources(&self) -> MutexGuard<'_, Resources> {
        self.0.resources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn noted(&self, number: u64) -> Noted {
        Noted {
            roster: self.clone(),
            number,
        }
    }
}

impl Members {
    fn all(&self) -> impl Iterator<Item = &Arc<Member>> {
        iter::once(&self.first).chain(&self.others)
    }

    /// Whose a request is.
    fn choose<B>(&self, request: &Request<B>) -> &Arc<Member> {
        if self.others.is_empty() {
            return &self.first;
        }
        let best = self.all().min_by_key(|member| Reverse(member.gateway.claim(request)));
        best.unwrap_or(&self.first)
    }
}

impl Member {
    pub(super) fn new(name: Arc<str>, gateway: Gateway) -> Self {
        Self {
            name,
            gateway,
            calls: Arc::default(),
            cut: Signal::default(),
            left: Signal::default(),
            servings: Mutex::default(),
        }
    }

    /// Its handlers begin there once they are told.
    fn is_to_be_served_on(&self, number: u64, runtime: &Handle) {
        let serving = self.gateway.is_to_serve_on(runtime);
        self.servings().push((number, serving));
    }

    /// Its handlers end there once this is dropped.
    fn is_served_no_more_on(&self, number: u64) -> Option<Serving> {
        let mut servings = self.servings();
        let place = servings.iter().position(|(known, _)| *known == number)?;
        Some(servings.swap_remove(place).1)
    }

    /// Its handlers end everywhere, though it may still be on the roster.
    pub(super) fn is_served_no_more(&self) {
        let ended = mem::take(&mut *self.servings());
        // Not under the lock.
        drop(ended);
    }

    fn servings(&self) -> MutexGuard<'_, Vec<(u64, Serving)>> {
        self.servings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        let mut resources = self.roster.resources();
        resources.remove(self.number);
        let members = self.roster.0.members.load_full();
        let ended = members
            .all()
            .filter_map(|member| member.is_served_no_more_on(self.number));
        let ended: Vec<_> = ended.collect();
        drop(resources);
        // Now handlers end.
        drop(ended);
    }
}

impl Signal {
    pub(super) fn set(&self) {
        self.is_set.store(true, Ordering::Release);
        self.setting.notify_waiters();
    }

    /// Waits until it is set.
    pub(super) async fn is_set(&self) {
        // Made before the flag is looked at, it misses no notice.
        let notice = self.setting.notified();
        if !self.is_set.load(Ordering::Acquire) {
            notice.await;
        }
    }
}

impl Serve for Roster {
    /// A connection is the port's: it counts for the mount that has been there longest.
    fn connected(&self) -> impl Visit {
        self.first().gateway.connected()
    }

    fn refused(&self, full: Full) {
        self.first().gateway.refused(full);
    }

    /// So is what connections hold, which stands in that one's metrics.
    fn holds(&self, memory: &Arc<Memory>) -> impl Send + 'static {
        let mut resources = self.resources();
        let number = resources.add_memory(memory, self.first().gateway.metrics());
        self.noted(number)
    }

    /// So is a runtime, on which the handlers of all begin that are there, or come.
    fn serves_on(&self, runtime: &Handle) -> impl Send + 'static {
        let mut resources = self.resources();
        let members = self.0.members.load_full();
        let number = resources.add_runtime(runtime, members.first.gateway.metrics());
        for member in members.all() {
            member.is_to_be_served_on(number, runtime);
        }
        drop(resources);
        for member in members.all() {
            member.gateway.tell_handlers();
        }
        self.noted(number)
    }

    fn serve(
        &self,
        request: Request<Inbound>,
        connection: &Arc<Connection>,
    ) -> impl Future<Output = Response<Outbound>> + Send + use<> {
        let member = self.0.members.load().choose(&request).clone();
        // Reflection and health tell of all mounts: their calls are the port's, and end with it.
        let seat = (!is_own_path(request.uri().path())).then(|| Seat::take(&member.calls));
        Answering {
            answer: member.gateway.answer(request, connection),
            seat,
            cut: None,
            member,
        }
    }
}

pin_project! {
    /// A call that is cut off when its mount has left.
    struct Answering<A> {
        #[pin]
        answer: A,
        // `None`: it is the port's.
        seat: Option<Seat>,
        // Once there is something to wait for.
        cut: Option<Cut>,
        member: Arc<Member>,
    }
}

/// Ready once a mount's calls are cut off.
type Cut = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<A: Future<Output = Response<Outbound>>> Future for Answering<A> {
    type Output = Response<Outbound>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<Outbound>> {
        let answering = self.project();
        let cut = || -> Cut {
            let member = answering.member.clone();
            Box::pin(async move { member.cut.is_set().await })
        };
        let response = match (answering.answer.poll(cx), &answering.seat) {
            (Poll::Ready(response), _) => response,
            (Poll::Pending, None) => return Poll::Pending,
            (Poll::Pending, Some(_)) => {
                ready!(answering.cut.get_or_insert_with(cut).as_mut().poll(cx));
                // It is over; what is left of the reply gets one of its own.
                *answering.cut = None;
                Response::new(Outbound::Stream(Box::pin(Torn)))
            }
        };
        let Some(seat) = answering.seat.take() else {
            return Poll::Ready(response);
        };
        Poll::Ready(response.map(|body| match body {
            Outbound::Stream(inner) => Outbound::Stream(Box::pin(Counted {
                inner,
                cut: answering.cut.take().unwrap_or_else(cut),
                _seat: seat,
            })),
            whole => whole,
        }))
    }
}

/// A streamed reply that counts among its mount's calls until it has ended.
struct Counted {
    inner: Pin<Box<dyn OutboundStream>>,
    cut: Cut,
    _seat: Seat,
}

impl OutboundStream for Counted {
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        match self.cut.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Some(Frame::Cut)),
            Poll::Pending => self.inner.as_mut().poll_frame(cx),
        }
    }
}

/// What is left of a reply that was cut off before it began.
struct Torn;

impl OutboundStream for Torn {
    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Frame>> {
        Poll::Ready(Some(Frame::Cut))
    }
}
