//! Answers, taken whole.

use bytes::{Buf, Bytes, BytesMut};
use h2::{Reason, RecvStream};
use http::{HeaderMap, Response, StatusCode};

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
    /// The stream was reset.
    pub(crate) reset: Option<Reason>,
}

impl Answer {
    pub(crate) async fn read(response: Response<RecvStream>) -> Self {
        let (head, mut stream) = response.into_parts();
        let mut answer = Self {
            status: head.status,
            headers: head.headers,
            ..Self::default()
        };
        let mut body = BytesMut::new();
        while let Some(data) = stream.data().await {
            match data {
                Ok(data) => {
                    stream.flow_control().release_capacity(data.len()).unwrap();
                    body.extend_from_slice(&data);
                }
                Err(error) => answer.reset = error.reason(),
            }
            if answer.reset.is_some() {
                break;
            }
        }
        answer.body = body.freeze();
        if answer.reset.is_some() {
            return answer;
        }
        answer.trailers = stream.trailers().await.unwrap_or_default();
        answer
    }

    pub(super) fn reset(error: &h2::Error) -> Self {
        Self {
            reset: Some(error.reason().unwrap_or(Reason::INTERNAL_ERROR)),
            ..Self::default()
        }
    }

    /// `grpc-status`, wherever it came.
    pub(crate) fn code(&self) -> Option<i32> {
        Some(self.last("grpc-status")?.parse().unwrap())
    }

    /// `grpc-message` as it came.
    pub(crate) fn reason(&self) -> &str {
        self.last("grpc-message").unwrap_or_default()
    }

    /// A field of the trailers, or of the headers of an answer that has no trailers.
    pub(crate) fn last(&self, name: &str) -> Option<&str> {
        self.trailers
            .as_ref()
            .unwrap_or(&self.headers)
            .get(name)
            .map(|value| value.to_str().unwrap())
    }

    /// Flags and messages of the body.
    pub(crate) fn envelopes(&self) -> Vec<(u8, Bytes)> {
        let mut body = self.body.clone();
        let mut found = Vec::new();
        while body.has_remaining() {
            let flag = body.get_u8();
            let length = body.get_u32() as usize;
            found.push((flag, body.split_to(length)));
        }
        found
    }

    /// The one message of a good answer.
    pub(crate) fn message<M: prost::Message + Default>(&self) -> M {
        assert_eq!((self.status, self.code()), (StatusCode::OK, Some(0)), "{self:?}");
        let envelopes = self.envelopes();
        let [(0, message)] = &envelopes[..] else {
            panic!("not one plain message: {self:?}");
        };
        M::decode(&message[..]).unwrap()
    }
}
