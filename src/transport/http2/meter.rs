//! Watches the frames that a peer sends, before h2 sees them.
//!
//! h2 answers floods of PING, SETTINGS, PRIORITY and `WINDOW_UPDATE` frames for as long as they come,
//! and waits for the rest of a frame for ever. The meter reads the frame headers (RFC 9113, section
//! 4.1) out of the passing bytes, keeps a budget of the frames that carry nothing, and notes since
//! when a frame or a header block is unfinished.

use std::time::Duration;

use tokio::time::Instant;

use super::super::limits::{Limits, Rate};

/// A frame's header: length, type, flags, stream.
const HEADER: usize = 9;
/// What a client sends first. RFC 9113, section 3.4.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a control frame takes from the budget.
const COST: i64 = 2;
/// What a request gives: so half of all requests may be cancelled at any rate.
const PER_REQUEST: i64 = COST / 2;
/// What a DATA frame of ours gives: clients answer one with a `WINDOW_UPDATE` for the stream, one for
/// the connection, and those that measure bandwidth with a PING.
const PER_REPLY: i64 = 3 * COST;
/// Of these bytes of ours each allows a `WINDOW_UPDATE`, which then costs nothing: some clients send one for each message that they read,
/// gRPC's C core among them, and messages of no more than their heads go out hundreds to a frame.
const PER_UPDATE: u64 = 5;
/// As many bytes are remembered that nobody has given back.
const GIVEN: u64 = 1 << 20;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 0x1;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// Why a peer's bytes are not read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    /// The first bytes are not HTTP/2's.
    #[error("the peer began as HTTP/2 does, but broke off in the preface")]
    Preface,
    /// More control frames than the budget allows.
    #[error("the peer sent more control frames than `limits.control_frames` allows")]
    Flood,
}

/// The parser's state, and the budget.
#[derive(Debug)]
pub(super) struct Meter {
    /// How much of the preface has passed.
    preface: usize,
    /// The header of the frame that passes now, as far as it has come.
    header: [u8; HEADER],
    have: usize,
    /// How much of that frame's payload is still to come.
    rest: usize,
    /// The frame that began a header block which waits for its end.
    block: Option<u64>,
    /// Since when a block or a frame is unfinished, and which (first) frame that is.
    unfinished: Option<(u64, Instant)>,
    frames: u64,
    highest: u32,
    settings: bool,
    budget: Budget,
}

impl Meter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            preface: 0,
            header: [0; HEADER],
            have: 0,
            rest: 0,
            block: None,
            unfinished: None,
            frames: 0,
            highest: 0,
            settings: false,
            budget: Budget::new(limits.control_frames),
        }
    }

    /// Whether the peer's first SETTINGS have come.
    pub(super) fn has_settings(&self) -> bool {
        self.settings
    }

    /// The highest stream that the peer opened.
    pub(super) fn highest_stream(&self) -> u32 {
        self.highest
    }

    /// When the frame or header block that is unfinished has to be whole.
    pub(super) fn due(&self, limits: &Limits) -> Option<Instant> {
        let (_, since) = self.unfinished?;
        let data = self.block.is_none() && self.have == HEADER && self.kind() == DATA;
        Some(since + if data { limits.message } else { limits.header_block })
    }

    /// Takes note that nothing is read for now: the time of what is unfinished begins anew.
    pub(super) fn pause(&mut self, now: Instant) {
        if let Some((_, since)) = &mut self.unfinished {
            *since = now;
        }
    }

    /// Takes note of bytes from the peer. `sent` is how many DATA frames were sent so far, and bytes in them.
    pub(super) fn observe(&mut self, bytes: &[u8], sent: (u64, u64)) -> Result<(), Violation> {
        let mut bytes = self.pass_preface(bytes)?;
        while !bytes.is_empty() {
            bytes = if self.have < HEADER {
                self.gather(bytes, sent)?
            } else {
                self.pass_payload(bytes)
            };
        }
        self.note_unfinished();
        Ok(())
    }

    fn pass_preface<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Violation> {
        let expected = PREFACE.get(self.preface..).unwrap_or_default();
        let count = expected.len().min(bytes.len());
        let (greeting, rest) = bytes.split_at(count);
        if !expected.starts_with(greeting) {
            return Err(Violation::Preface);
        }
        self.preface += count;
        Ok(rest)
    }

    fn gather<'a>(&mut self, bytes: &'a [u8], sent: (u64, u64)) -> Result<&'a [u8], Violation> {
        let room = self.header.get_mut(self.have..).unwrap_or_default();
        let count = room.len().min(bytes.len());
        let (now, rest) = bytes.split_at(count);
        if let Some(room) = room.get_mut(..count) {
            room.copy_from_slice(now);
        }
        self.have += count;
        if self.have == HEADER {
            self.begin(sent)?;
        }
        Ok(rest)
    }

    fn pass_payload<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let count = self.rest.min(bytes.len());
        self.rest -= count;
        if self.rest == 0 {
            self.end();
        }
        bytes.get(count..).unwrap_or_default()
    }

    fn kind(&self) -> u8 {
        let [_, _, _, kind, ..] = self.header;
        kind
    }

    fn begin(&mut self, (replies, sent): (u64, u64)) -> Result<(), Violation> {
        let [a, b, c, kind, flags, stream @ ..] = self.header;
        let length = u32::from_be_bytes([0, a, b, c]);
        self.rest = length as usize;
        self.frames += 1;
        match kind {
            DATA if length > 0 || flags & END_STREAM != 0 => {}
            HEADERS => {
                self.block.get_or_insert(self.frames);
                self.highest = self.highest.max(u32::from_be_bytes(stream) & (u32::MAX >> 1));
                self.budget.give(PER_REQUEST);
            }
            // Those of a header block: h2 bounds how many there may be.
            CONTINUATION => {}
            SETTINGS if !self.settings && flags & ACK == 0 => {}
            WINDOW_UPDATE if self.budget.gives_back(sent) => {}
            _ => self.budget.take(replies)?,
        }
        if length == 0 {
            self.end();
        }
        Ok(())
    }

    fn end(&mut self) {
        let [_, _, _, kind, flags, ..] = self.header;
        self.have = 0;
        match kind {
            HEADERS | CONTINUATION if flags & END_HEADERS != 0 => self.block = None,
            SETTINGS => self.settings = true,
            _ => {}
        }
    }

    fn note_unfinished(&mut self) {
        // A block's time runs over all of its frames, any other frame's for itself.
        let current = match (self.block, self.have) {
            (Some(first), _) => first,
            (None, 0) => {
                self.unfinished = None;
                return;
            }
            // A header that is not whole has not been counted yet.
            (None, have) => self.frames + u64::from(have < HEADER),
        };
        if self.unfinished.is_none_or(|(frame, _)| frame != current) {
            self.unfinished = Some((current, Instant::now()));
        }
    }
}

/// A token bucket that looks at the clock only once it is empty.
#[derive(Debug)]
struct Budget {
    rate: Rate,
    left: i64,
    refilled: Instant,
    /// The replies that have been counted in.
    replies: u64,
    /// The bytes of those that count as given back.
    given: u64,
}

impl Budget {
    fn new(rate: Rate) -> Self {
        Self {
            rate,
            left: i64::from(rate.burst) * COST,
            refilled: Instant::now(),
            replies: 0,
            given: 0,
        }
    }

    fn give(&mut self, tokens: i64) {
        self.left = (self.left + tokens).min(i64::from(self.rate.burst) * COST);
    }

    /// Whether a `WINDOW_UPDATE` is for what was `sent`.
    fn gives_back(&mut self, sent: u64) -> bool {
        let given = self.given.max(sent.saturating_sub(GIVEN)) + PER_UPDATE;
        let is_for_sent = given <= sent;
        if is_for_sent {
            self.given = given;
        }
        is_for_sent
    }

    fn take(&mut self, replies: u64) -> Result<(), Violation> {
        self.left -= COST;
        if self.left >= 0 {
            return Ok(());
        }
        self.refill(replies);
        if self.left >= 0 {
            return Ok(());
        }
        Err(Violation::Flood)
    }

    fn refill(&mut self, replies: u64) {
        let earned = self.refilled.elapsed().as_secs_f64() * f64::from(self.rate.per_second);
        #[expect(clippy::cast_possible_truncation, reason = "a saturating cast is what is wanted")]
        let frames = earned as i64;
        if frames > 0 {
            // Not `now`: what is less than a frame is not lost.
            self.refilled += Duration::from_secs(frames.unsigned_abs()) / self.rate.per_second;
            self.give(frames.saturating_mul(COST));
        }
        let sent = i64::try_from(replies - self.replies).unwrap_or(i64::MAX);
        self.replies = replies;
        self.give(sent.saturating_mul(PER_REPLY));
    }
}
