//! What comes from a socket, before h2 reads it.

#[cfg(test)]
mod tests;

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    mem,
    ops::Range,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are asked for at a time: h2 by itself asks for 8 KiB, which makes eight calls of a body of 64 KiB. A hundred streams that
/// take turns have 2.5 KiB each in it.
const PORTION: usize = 4 * (HEAD + FRAME);
/// How many frames are joined at a time at most.
const MOST: usize = 4 << 10;
/// Bytes of the largest frame, which the connection's `SETTINGS_MAX_FRAME_SIZE` has to be: RFC 9113, section 4.2. Frames of 16 KiB, the
/// least, cost a body of 64 KiB a tenth more time. A message of such a size has a little around it.
pub const LARGEST_FRAME: u32 = 65 << 10;
const FRAME: usize = LARGEST_FRAME as usize;
/// Small frames are joined to so many bytes: h2 has a buffer for each frame, and one that is larger is colder when it comes to be used
/// again. Frames of half as many bytes and more are of a message that is large anyway.
const JOINED: usize = 16 << 10;
/// After so many bytes others have their turn.
const TURN: usize = 1 << 20;
/// A frame that is not DATA takes as much of a turn as so many bytes: h2 has as much to do.
const FRAME_TURN: usize = 1 << 10;
/// How many idle portions a thread keeps. Its connections read one after the other, and mostly hold none in between.
const POOLED: usize = 1;

/// A frame's head: length, type, flags, stream. RFC 9113, section 4.1.
const HEAD: usize = 9;
const DATA: u8 = 0;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
/// Of the words of a GOAWAY that are told.
const MOST_WORDS: usize = 100;
const END_STREAM: u8 = 0x1;
const ACK: u8 = 0x1;
const PADDED: u8 = 0x8;
/// `SETTINGS_MAX_HEADER_LIST_SIZE`. RFC 9113, section 6.5.2.
const HEADER_LIST: u16 = 6;
/// Bytes of a frame of settings, of six each, of which there are a dozen kinds; and of a GOAWAY with its words.
const MOST_SAID: usize = 1 << 10;
/// `ENHANCE_YOUR_CALM`, and what gRPC's servers say with it to a client that asks too often whether they are there: gRFC A8.
const CALM: u32 = 0xb;
const PINGS: &[u8] = b"too_many_pings";
/// So many frames of DATA without data may come beyond one for each other frame. h2 bears a hundred in a connection's whole life.
const MOST_EMPTY: u32 = 1000;

thread_local! {
    /// Empty portions, for whichever connection reads next: idle connections hold none.
    static POOL: RefCell<Vec<Portion>> = const { RefCell::new(Vec::new()) };
}

/// A socket that h2 reads from. What came is read in large portions, and frames of DATA that one stream has in a portion are made
/// one frame: h2 takes about half a microsecond for each frame, and a queue's place of 250 bytes.
///
/// ```text
/// socket: DATA 1, DATA 3, DATA 1, DATA 3, HEADERS 1  ->  h2: DATA 1, DATA 3, HEADERS 1
/// ```
///
/// Nothing else changes: no frame passes one of another type, nor one of its own stream, and flow control counts payloads only.
/// Frames of DATA that say nothing at all are left out, as long as they are no flood. Those with padding, and what is larger than a frame may be,
/// stay as they are, for h2 to judge. Nothing waits here for more to come but part of a head, settings, and a GOAWAY.
#[derive(Debug)]
pub struct Inbox<T> {
    io: T,
    /// What came; none while nothing waits.
    portion: Option<Portion>,
    /// A part of a head, of settings or of a GOAWAY, kept while there is no portion.
    stub: Vec<u8>,
    passing: Passing,
}

/// What is known of what has gone on.
#[derive(Debug, Default)]
struct Passing {
    /// So many bytes go on without being looked at: of a frame whose head has gone on.
    rest: usize,
    /// Frames of DATA without data that were left out, less the frames that say something.
    empty: u32,
    /// Bytes since others had their turn.
    turn: usize,
    peer: Arc<PeerState>,
}

/// What the other side has said of itself, before h2 has read it. RFC 9113, sections 6.5 and 6.8.
#[derive(Debug)]
pub struct PeerState {
    came: AtomicBool,
    header_list: AtomicU32,
    goes: AtomicBool,
    calm: AtomicBool,
    farewell: Mutex<Option<(u32, String)>>,
}

impl Default for PeerState {
    fn default() -> Self {
        Self {
            came: AtomicBool::new(false),
            header_list: AtomicU32::new(u32::MAX),
            goes: AtomicBool::new(false),
            calm: AtomicBool::new(false),
            farewell: Mutex::default(),
        }
    }
}

impl PeerState {
    /// Whether it has said anything.
    pub fn came(&self) -> bool {
        self.came.load(Ordering::Relaxed)
    }

    /// The largest header block that it takes, as `SETTINGS_MAX_HEADER_LIST_SIZE` counts it; [`u32::MAX`] if it has not said.
    pub fn header_list(&self) -> u32 {
        self.header_list.load(Ordering::Relaxed)
    }

    /// Whether it takes no more requests on this connection: it has sent a GOAWAY.
    pub fn goes(&self) -> bool {
        self.goes.load(Ordering::Relaxed)
    }

    /// Whether it goes because it was asked too often whether it is there.
    pub fn wants_fewer_pings(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// Why it goes, if its GOAWAY says more than that it does: the code, and the first of its debug data, as text.
    pub fn farewell(&self) -> Option<(u32, String)> {
        self.said().clone()
    }

    fn said(&self) -> MutexGuard<'_, Option<(u32, String)>> {
        self.farewell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the payload of a GOAWAY: the last stream, a code, words.
    fn read_goaway(&self, payload: &[u8]) {
        let code = payload.get(4..8).and_then(|code| code.first_chunk());
        let code = code.map_or(0, |code| u32::from_be_bytes(*code));
        let words = payload.get(8..).unwrap_or_default();
        if code == CALM && words.ends_with(PINGS) {
            self.calm.store(true, Ordering::Relaxed);
        }
        if code != 0 || !words.is_empty() {
            let said = words.get(..MOST_WORDS).unwrap_or(words);
            // The first one says why, and another may follow with the last stream; but an error says more than that it goes.
            let mut farewell = self.said();
            if farewell.as_ref().is_none_or(|(before, _)| *before == 0 && code != 0) {
                *farewell = Some((code, String::from_utf8_lossy(said).into_owned()));
            }
        }
        self.goes.store(true, Ordering::Relaxed);
    }

    /// Takes the payload of a frame of settings.
    fn read(&self, payload: &[u8]) {
        for setting in payload.chunks_exact(6) {
            if let [high, low, value @ ..] = setting
                && u16::from_be_bytes([*high, *low]) == HEADER_LIST
                && let Some(value) = value.first_chunk()
            {
                self.header_list.store(u32::from_be_bytes(*value), Ordering::Relaxed);
            }
        }
        self.came.store(true, Ordering::Relaxed);
    }
}

/// What was read at once.
#[derive(Debug)]
struct Portion {
    bytes: Box<[u8]>,
    filled: usize,
    /// Up to here it was looked at.
    seen: usize,
    /// What goes on next.
    next: Range<usize>,
    /// Frames of DATA, by streams, and how many have gone on.
    frames: Vec<Part>,
    gone: usize,
    /// Of these so many belong to the frame that goes on now.
    joined: usize,
}

/// A frame's payload.
#[derive(Clone, Copy, Debug)]
struct Part {
    stream: [u8; 4],
    ends: bool,
    start: u32,
    length: u32,
}

impl<T> Inbox<T> {
    /// Of a client, which gets frames from the first byte on.
    pub fn new(io: T) -> Self {
        Self {
            io,
            portion: None,
            stub: Vec::new(),
            passing: Passing::default(),
        }
    }

    /// What the other side says of itself, as it comes.
    pub fn peer(&self) -> Arc<PeerState> {
        Arc::clone(&self.passing.peer)
    }

    /// Lets go of an empty portion.
    fn put_away(&mut self) {
        if let Some(portion) = self.portion.take_if(|portion| portion.is_empty()) {
            portion.give_back();
        }
    }
}

impl<T: AsyncRead + Unpin> Inbox<T> {
    /// Reads more, or has a part of a frame go on if there is no more for now. `false`: the peer has ended.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let stub = &mut self.stub;
        let portion = self.portion.get_or_insert_with(|| Portion::of(&mem::take(stub)));
        portion.forget_seen();
        let mut free = ReadBuf::new(portion.bytes.get_mut(portion.filled..).unwrap_or_default());
        let read = match Pin::new(&mut self.io).poll_read(cx, &mut free) {
            Poll::Ready(read) => read.map(|()| free.filled().len()),
            Poll::Pending if portion.filled >= HEAD && !portion.is_looked_at() => {
                // A part of a large frame; h2 keeps it.
                portion.show_rest(&mut self.passing);
                return Poll::Ready(Ok(true));
            }
            Poll::Pending => {
                self.passing.turn = 0;
                if let Some(portion) = self.portion.take() {
                    self.stub.extend_from_slice(portion.unseen());
                    portion.give_back();
                }
                return Poll::Pending;
            }
        };
        let read = read?;
        portion.filled += read;
        self.passing.turn += read;
        if read == 0 {
            // h2 is to see what the peer broke off in.
            portion.show_rest(&mut self.passing);
        }
        Poll::Ready(Ok(portion.filled > 0))
    }
}

impl Portion {
    /// An empty one, which begins with these bytes.
    fn of(first: &[u8]) -> Self {
        let mut portion = POOL.with_borrow_mut(Vec::pop).unwrap_or_else(|| Self {
            bytes: vec![0; PORTION].into(),
            filled: 0,
            seen: 0,
            next: 0..0,
            frames: Vec::new(),
            gone: 0,
            joined: 0,
        });
        if let Some(room) = portion.bytes.get_mut(..first.len()) {
            room.copy_from_slice(first);
            portion.filled = first.len();
        }
        portion
    }

    fn give_back(mut self) {
        (self.filled, self.seen, self.next) = (0, 0, 0..0);
        self.frames.clear();
        (self.gone, self.joined) = (0, 0);
        POOL.with_borrow_mut(|pool| {
            if pool.len() < POOLED {
                pool.push(self);
            }
        });
    }

    fn is_empty(&self) -> bool {
        self.next.is_empty() && self.gone == self.frames.len() && self.unseen().is_empty()
    }

    fn unseen(&self) -> &[u8] {
        self.bytes.get(self.seen..self.filled).unwrap_or_default()
    }

    /// Whether it begins with what the peer says of itself, which is looked at whole. What is longer than any is has to go on.
    fn is_looked_at(&self) -> bool {
        let head = self.unseen().first_chunk::<HEAD>();
        head.is_some_and(|head| matches!(head, [.., SETTINGS | GOAWAY, _, _, _, _, _]) && length(head) <= MOST_SAID)
    }

    /// Makes room for more behind what was not looked at.
    fn forget_seen(&mut self) {
        if self.seen == 0 {
            return;
        }
        self.bytes.copy_within(self.seen..self.filled, 0);
        self.filled -= self.seen;
        self.seen = 0;
    }

    /// Has all that is there go on as it is, and what is missing of its frame as well.
    fn show_rest(&mut self, passing: &mut Passing) {
        if let Some(head) = self.unseen().first_chunk::<HEAD>() {
            passing.rest = (HEAD + length(head)).saturating_sub(self.filled - self.seen);
            if let [.., GOAWAY, _, _, _, _, _] = head {
                // With more words than are read.
                passing.peer.read_goaway(&[]);
            }
        }
        self.next = self.seen..self.filled;
        self.seen = self.filled;
    }

    /// Finds what goes on next: a frame as it is, or DATA frames. Nothing: more has to be read.
    fn look(&mut self, passing: &mut Passing) {
        self.frames.clear();
        self.gone = 0;
        if passing.rest > 0 {
            let end = self.filled.min(self.seen + passing.rest);
            passing.rest -= end - self.seen;
            self.next = self.seen..end;
            self.seen = end;
            return;
        }
        let mut sorted = true;
        while let Some(head) = self.unseen().first_chunk::<HEAD>() {
            let (length, start) = (length(head), self.seen + HEAD);
            let [_, _, _, kind, flags, first, second, third, fourth] = *head;
            let whole = start + length <= self.filled;
            if kind == DATA && length == 0 && flags & (END_STREAM | PADDED) == 0 && passing.empty < MOST_EMPTY {
                passing.empty += 1;
                self.seen = start;
                continue;
            }
            if whole && kind == DATA && length > 0 && length <= FRAME && flags & PADDED == 0 {
                // Its first bit means nothing, and is not to be looked at: RFC 9113, section 4.1.
                let stream = [first & 0x7f, second, third, fourth];
                sorted &= self.frames.last().is_none_or(|last| last.stream <= stream);
                self.frames.push(Part {
                    stream,
                    ends: flags & END_STREAM != 0,
                    // A portion has fewer bytes than that.
                    start: u32::try_from(start).unwrap_or_default(),
                    length: u32::try_from(length).unwrap_or_default(),
                });
                self.seen = start + length;
                passing.empty = passing.empty.saturating_sub(1);
                if self.frames.len() < MOST {
                    continue;
                }
            } else if self.frames.is_empty() && whole {
                if kind != DATA || length > 0 {
                    passing.empty = passing.empty.saturating_sub(1);
                }
                if kind != DATA {
                    passing.turn += FRAME_TURN;
                }
                let payload = || self.bytes.get(start..start + length).unwrap_or_default();
                match kind {
                    SETTINGS if flags & ACK == 0 => passing.peer.read(payload()),
                    GOAWAY => passing.peer.read_goaway(payload()),
                    _ => {}
                }
                self.next = self.seen..start + length;
                self.seen = start + length;
            } else if self.frames.is_empty() && length > FRAME {
                // There may never be room for it.
                self.show_rest(passing);
            }
            break;
        }
        if !sorted {
            // Those of one stream stay in their order. A stable sort is fast, too: there are few streams, and many frames.
            self.frames.sort_by_key(|frame| frame.stream);
        }
    }

    /// Makes the next frames one: its head goes to where the first one's was.
    fn join(&mut self) {
        let left = self.frames.get(self.gone..).unwrap_or_default();
        let Some(first) = left.first().copied() else { return };
        let is_large = first.length as usize >= JOINED / 2;
        let most = if is_large { FRAME } else { JOINED };
        let (mut length, mut ends, mut count) = (0, false, 0);
        for frame in left {
            // What comes behind its end is an error, which h2 is to find.
            if frame.stream != first.stream || ends || length + frame.length as usize > most {
                break;
            }
            length += frame.length as usize;
            ends = frame.ends;
            count += 1;
        }
        let range = first.range();
        let head = range.start - HEAD..range.start;
        let [_, size @ ..] = u32::try_from(length).unwrap_or_default().to_be_bytes();
        let flags = if ends { END_STREAM } else { 0 };
        let parts = [&size[..], &[DATA, flags], &first.stream];
        let made = parts.into_iter().flatten();
        for (place, byte) in self
            .bytes
            .get_mut(head.clone())
            .unwrap_or_default()
            .iter_mut()
            .zip(made)
        {
            *place = *byte;
        }
        self.next = head.start..range.end;
        self.gone += 1;
        self.joined = count - 1;
    }

    /// Gives all that is there, as far as it fits.
    fn hand_on(&mut self, passing: &mut Passing, out: &mut ReadBuf<'_>) {
        let before = out.filled().len();
        loop {
            self.put(self.next.len(), out);
            if !self.next.is_empty() {
                return;
            }
            if let Some(part) = self.frames.get(self.gone).filter(|_| self.joined > 0) {
                self.next = part.range();
                self.gone += 1;
                self.joined -= 1;
                continue;
            }
            if self.gone == self.frames.len() {
                self.look(passing);
            }
            if self.gone < self.frames.len() {
                self.join();
            }
            if self.next.is_empty() {
                return;
            }
            let behind = self.frames.get(self.gone..self.gone + self.joined).unwrap_or_default();
            let size = self.next.len() + behind.iter().map(|part| part.length as usize).sum::<usize>();
            if size > out.remaining() {
                // Of a frame that does not fit its head comes first: then h2 makes room for all of it, and copies nothing.
                if out.filled().len() == before {
                    self.put(HEAD, out);
                }
                return;
            }
        }
    }

    fn put(&mut self, most: usize, out: &mut ReadBuf<'_>) {
        let count = self.next.len().min(most).min(out.remaining());
        let end = self.next.start + count;
        out.put_slice(self.bytes.get(self.next.start..end).unwrap_or_default());
        self.next.start = end;
    }
}

impl Part {
    fn range(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.length as usize
    }
}

fn length(&[a, b, c, ..]: &[u8; HEAD]) -> usize {
    u32::from_be_bytes([0, a, b, c]) as usize
}

impl<T: AsyncRead + Unpin> AsyncRead for Inbox<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let inbox = self.get_mut();
        let before = out.filled().len();
        loop {
            if inbox.passing.turn >= TURN {
                inbox.passing.turn = 0;
                cx.waker().wake_by_ref();
                inbox.put_away();
                return Poll::Pending;
            }
            if let Some(portion) = &mut inbox.portion {
                portion.hand_on(&mut inbox.passing, out);
            }
            if out.filled().len() > before || out.remaining() == 0 || !ready!(inbox.poll_fill(cx))? {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Inbox<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
