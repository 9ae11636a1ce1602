//! Server-sent events. <https://html.spec.whatwg.org/multipage/server-sent-events.html>, "Interpreting an event stream".

use std::collections::VecDeque;

use bytes::Bytes;

/// Finds the events in a body as it arrives.
#[derive(Debug)]
pub(super) struct Events {
    line: Vec<u8>,
    /// A line has just ended with a carriage return, to which a line feed may belong.
    returned: bool,
    first: bool,
    /// Of the event that has begun.
    data: Option<Vec<u8>>,
    is_error: bool,
    found: VecDeque<Event>,
    /// Behind what was found stands one that is too large.
    broken: Option<TooLarge>,
    limit: usize,
}

/// An event that has data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) data: Bytes,
    /// Its name is `error`.
    pub(super) is_error: bool,
}

/// An event is longer than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge(pub(super) usize);

impl Events {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            line: Vec::new(),
            returned: false,
            first: true,
            data: None,
            is_error: false,
            found: VecDeque::new(),
            broken: None,
            limit,
        }
    }

    /// Adds what came.
    pub(super) fn push(&mut self, came: &[u8]) {
        if self.broken.is_none() {
            self.broken = self.split(came).err();
        }
    }

    fn split(&mut self, mut came: &[u8]) -> Result<(), TooLarge> {
        while let Some(end) = came.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, rest) = came.split_at(end);
            let feed = rest.first() == Some(&b'\n');
            came = rest.get(1..).unwrap_or_default();
            // The second half of an end of a line.
            if !(std::mem::take(&mut self.returned) && feed && line.is_empty() && self.line.is_empty()) {
                self.take(line)?;
                self.end_of_line()?;
            }
            self.returned = !feed;
        }
        self.returned &= came.is_empty();
        self.take(came)
    }

    /// The next event that is whole.
    pub(super) fn next(&mut self) -> Result<Option<Event>, TooLarge> {
        match (self.found.pop_front(), self.broken) {
            (None, Some(broken)) => Err(broken),
            (event, _) => Ok(event),
        }
    }

    /// Whether an event has begun that is not whole.
    pub(super) fn is_within(&self) -> bool {
        let is_comment = self.line.first() == Some(&b':');
        self.data.is_some() || !self.line.is_empty() && !is_comment
    }

    fn take(&mut self, part: &[u8]) -> Result<(), TooLarge> {
        let held = self.data.as_ref().map_or(0, Vec::len);
        if self.line.len() + held + part.len() > self.limit.saturating_add(64) {
            return Err(TooLarge(self.limit));
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    fn end_of_line(&mut self) -> Result<(), TooLarge> {
        let line = std::mem::take(&mut self.line);
        let mut text = &line[..];
        if std::mem::take(&mut self.first) {
            text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        }
        if text.is_empty() {
            self.dispatch();
            return Ok(());
        }
        let colon = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
        let (name, value) = text.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                let data = match &mut self.data {
                    Some(data) => {
                        data.push(b'\n');
                        data
                    }
                    None => self.data.insert(Vec::new()),
                };
                data.extend_from_slice(value);
                if data.len() > self.limit {
                    return Err(TooLarge(self.limit));
                }
            }
            b"event" => self.is_error = value == b"error",
            // Ids, times to wait before another request, and comments.
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&mut self) {
        let is_error = std::mem::take(&mut self.is_error);
        if let Some(data) = self.data.take() {
            let data = data.into();
            self.found.push_back(Event { data, is_error });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(body: &str, piece: usize) -> (Vec<(String, bool)>, bool) {
        let mut events = Events::new(100);
        for data in body.as_bytes().chunks(piece) {
            events.push(data);
        }
        let found = std::iter::from_fn(|| events.next().unwrap());
        let found = found.map(|event| (String::from_utf8(event.data.to_vec()).unwrap(), event.is_error));
        (found.collect(), events.is_within())
    }

    #[test]
    fn a_comment_may_be_the_last_there_is() {
        assert_eq!(all("data: a\n\n: bye", 3), (vec![("a".to_owned(), false)], false));
        assert!(all("data: a\n\ndata", 3).1);
    }

    #[test]
    fn events_are_told_apart_wherever_the_pieces_end() {
        for (body, wanted, within) in [
            ("", &[][..], false),
            ("data: {}\n\n", &[("{}", false)], false),
            (
                "\u{feff}data:{}\r\n\r\ndata: 1\r\rdata: 2\n\n",
                &[("{}", false), ("1", false), ("2", false)],
                false,
            ),
            ("data: {\ndata: }\n\n", &[("{\n}", false)], false),
            (": hello\nid: 1\nretry: 5\n\n", &[], false),
            ("event: error\ndata: {\"code\":5}\n\n", &[("{\"code\":5}", true)], false),
            ("event: error\n\ndata: 1\n\n", &[("1", false)], false),
            ("event: other\ndata\n\n", &[("", false)], false),
            ("data: 1\n", &[], true),
            ("dat", &[], true),
        ] {
            let wanted: Vec<_> = wanted
                .iter()
                .map(|(data, error)| ((*data).to_owned(), *error))
                .collect();
            for piece in 1..=body.len().max(1) {
                assert_eq!(all(body, piece), (wanted.clone(), within), "{body:?} by {piece}");
            }
        }
    }

    #[test]
    fn an_event_is_bounded() {
        let long = [b'x'; 100];
        for body in [&b"data: 12345678901\n"[..], &long] {
            let whole = [b"data: 1\n\ndata: 2\n\n", body].concat();
            for piece in 1..=whole.len() {
                let mut events = Events::new(10);
                whole.chunks(piece).for_each(|data| events.push(data));
                for expected in ["1", "2"] {
                    assert_eq!(events.next().unwrap().unwrap().data, expected);
                }
                assert_eq!(events.next(), Err(TooLarge(10)));
            }
        }
    }
}
