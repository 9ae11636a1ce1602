//! A body that is read to its end before anything looks at it.

use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use descant_handlers::Status;
use tokio::time::timeout;

use crate::transport::Inbound;

/// Why a body can't be read to its end.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is longer than the limit.
    TooLarge,
    /// It takes longer than this.
    Late(Duration),
    /// The peer has broken it off.
    Broken(Status),
}

/// All of a body, of at most `limit` bytes. Mostly that is one piece, which is not copied.
pub(super) async fn whole(inbound: &mut Inbound, limit: usize, time: Duration) -> Result<Bytes, Unread> {
    let mut gathering = pin!(gather(inbound, limit));
    // Most bodies have come with their heads: no timer is set for those.
    if let Poll::Ready(there) = poll_fn(|cx| Poll::Ready(gathering.as_mut().poll(cx))).await {
        return there;
    }
    timeout(time, gathering)
        .await
        .unwrap_or_else(|_| Err(Unread::Late(time)))
}

async fn gather(inbound: &mut Inbound, limit: usize) -> Result<Bytes, Unread> {
    let (mut first, mut gathered) = (Bytes::new(), BytesMut::new());
    while let Some(data) = poll_fn(|cx| inbound.poll_data(cx)).await {
        let data = data.map_err(|error| Unread::Broken(error.status()))?;
        if first.len() + gathered.len() + data.len() > limit {
            return Err(Unread::TooLarge);
        }
        if first.is_empty() && gathered.is_empty() {
            first = data;
            continue;
        }
        gathered.extend_from_slice(&std::mem::take(&mut first));
        gathered.extend_from_slice(&data);
    }
    Ok(if gathered.is_empty() { first } else { gathered.freeze() })
}
